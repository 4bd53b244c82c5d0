/**
 * Starts a whole agent: takes the locks, chooses the adapters, opens the doors. The only file of this floor that imports
 * concrete adapters. Must not: hold logic (agent-core.ts) or read flags (lib/cli).
 */

import type { Network } from '../cluster/network.ts'
import { carrierName, deviceName, KERNEL_VXLAN_PORT } from '../device/vtep.ts'
import { LockedError } from '../errors.ts'
import { chooseFilter } from '../firewall/choice.ts'
import { createDropFinder, type DropFinderParts } from '../firewall/find-drops.ts'
import { createIptables } from '../firewall/iptables.ts'
import type { ReadSizes } from '../firewall/iptables-ears.ts'
import { legacyTables } from '../firewall/iptables-variant.ts'
import { createNftables } from '../firewall/nftables.ts'
import { runProgram } from '../host/exec.ts'
import { listFolder, readAsWritten, readIfExists, replaceFile } from '../host/files.ts'
import { type Lock, lockDevice } from '../host/lock.ts'
import { nameNetlinkOwner } from '../host/netlink-owner.ts'
import { linksWithAdvertisedRoutes } from '../host/ra-links.ts'
import { findRival, K3S_NET_CONF, type Rival } from '../host/rival.ts'
import { createSysctl } from '../host/sysctl.ts'
import { watchFile } from '../host/watch-file.ts'
import { createFileSource } from '../leases/file.ts'
import { createKubeSource, type KubeSource } from '../leases/kube.ts'
import type { LeaseSource } from '../leases/source.ts'
import { FAMILIES, type Family } from '../net/ip.ts'
import { loadAddon } from '../rtnl/addon.ts'
import { openRtnl } from '../rtnl/native.ts'
import { openNftMonitor } from '../rtnl/native-nft-monitor.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { type AgentCore, createAgentCore } from './agent-core.ts'
import type { AgentConfig } from './config.ts'
import { type HealthServer, startHealthServer } from './health.ts'
import type { FamilyFilters } from './packet-filter.ts'
import type { AgentStatus } from './status.ts'

export interface Agent {
  /** What /readyz says; true again and false again as the truth changes. */
  readonly ready: boolean
  /** `listener` is told how the agent is once it runs (it is alone, and its health server listens), and at each change. */
  onStatus(listener: (status: AgentStatus) => void): void
  /** Everything stays in the kernel (design decision 14). Resolves when nothing of the agent runs any more. */
  stop(): Promise<void>
  /** Resolves after `stop`; rejects when the agent cannot go on: LockedError, HostError, ConfigError. */
  readonly ended: Promise<void>
}

export interface AgentParts {
  readonly log: Log
  readonly clock: Clock
}

/** Returns at once; what can become right by itself is waited for inside (design decision 12). */
export function startAgent(config: AgentConfig, parts: AgentParts): Agent {
  const { log, clock } = parts
  let core: AgentCore | undefined
  let health: HealthServer | undefined
  let leases: LeaseSource | KubeSource | undefined
  const locks: Lock[] = []
  let fail: (error: unknown) => void = () => undefined
  let finish: () => void = () => undefined
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  let stopping = false
  let onStatus: (status: AgentStatus) => void = () => undefined
  let last: AgentStatus | undefined

  const start = async (): Promise<void> => {
    await refuseRival(config, log)
    for (const family of FAMILIES)
      if (config.network[family] !== undefined)
        locks.push(await lockDevice(carrierName(family, config.network.backend)))
    if (config.health !== undefined)
      health = await startHealthServer({
        ...config.health,
        ready: () => core?.ready ?? false,
        checks: () => last?.checks ?? [],
        details: () => [...(last === undefined ? [] : [last.text]), ...describeLeases(leases)],
        log,
      })
    if (stopping) return
    const source = createSource(config, parts)
    leases = source
    core = createAgentCore(config, {
      openRtnl,
      sysctl: createSysctl(),
      nameOwner: nameNetlinkOwner,
      source,
      readFile: readIfExists,
      replaceFile,
      keptFiles: {
        read: readAsWritten,
        replace: replaceFile,
        watch: (path, onChange) => watchFile(path, onChange, { clock }),
        list: listFolder,
      },
      filters: (family) => filtersOf(family, config, clock),
      advertisedLinks: linksWithAdvertisedRoutes,
      // One that may be elsewhere counts: what it may want back is left to it.
      rival: async () => (await rivalOf(config))?.name,
      clock,
      log,
      onHopeless: fail,
    })
    core.onStatus((status) => {
      last = status
      onStatus(status)
    })
    describeStart(config, source, log)
  }
  const started = start()
  started.catch(fail)

  return {
    get ready() {
      return core?.ready ?? false
    },
    onStatus(listener) {
      onStatus = listener
      if (last !== undefined) listener(last)
    },
    ended,
    async stop() {
      if (stopping) return
      stopping = true
      await started.catch(() => undefined)
      await core?.stop()
      await health?.close()
      await Promise.all(locks.map((lock) => lock.release()))
      finish()
    },
  }
}

function rivalOf({ k3sNetConf = K3S_NET_CONF }: AgentConfig): Promise<Rival | undefined> {
  return findRival({ proc: '/proc', k3sNetConf })
}

/** One that may as well be elsewhere must not keep this node without an agent: it is named. */
async function refuseRival(config: AgentConfig, log: Log): Promise<void> {
  const rival = await rivalOf(config)
  if (rival === undefined) return
  const [first = 'ipv4'] = FAMILIES.filter((family) => config.network[family] !== undefined)
  if (rival.certain && !config.force) throw new LockedError(carrierName(first, config.network.backend), rival.name)
  const because = rival.certain
    ? 'because of --force: each will undo'
    : 'as it may be elsewhere; if not, each will undo'
  log.warn('agent.rival', `started beside ${rival.name} ${because} what the other does`)
}

function filtersOf(family: Family, { network, firewall }: AgentConfig, clock: Clock): FamilyFilters | undefined {
  const mode = firewall?.mode ?? 'auto'
  if (mode === 'none') return undefined
  const parts = {
    family,
    run: runProgram,
    openMonitor: openNftMonitor,
    readSizes: (...question: Parameters<ReadSizes>) => loadAddon().readXtablesSizes('', ...question),
    clock,
  }
  return {
    tools: { nftables: createNftables(parts), iptables: createIptables(parts) },
    choose: async () =>
      mode === 'auto'
        ? { ...(await chooseFilter(family, { ...network, ...parts })), certain: false }
        : { kind: mode, because: '--firewall says so', certain: true },
    findForeignDrops: createDropFinder({
      ...parts,
      tables: legacyTables,
      ...vxlanOf(family, network),
    }),
  }
}

function vxlanOf(family: Family, { backend }: Network): Pick<DropFinderParts, 'device' | 'vxlanPort'> {
  if (backend.type === 'host-gw') return { device: undefined, vxlanPort: undefined }
  return { device: deviceName(family, backend.vni), vxlanPort: backend.port ?? KERNEL_VXLAN_PORT }
}

function createSource(config: AgentConfig, { log, clock }: AgentParts): LeaseSource | KubeSource {
  const { leases, network } = config
  return leases.kind === 'file'
    ? createFileSource({ path: leases.path, nodeName: leases.nodeName, network, log, clock })
    : createKubeSource({ config: leases, network, log, clock, stateDir: config.stateDir })
}

/** For readyz?verbose. */
function describeLeases(source: LeaseSource | KubeSource | undefined): readonly string[] {
  if (source === undefined) return ['leases: not started']
  const view = source.view()
  const known = `${view.peers.size} peers${view.synced ? '' : `, ${view.because}`}`
  if (!('stale' in source)) return [`leases: ${known}`]
  const { stale, cacheFailures } = source
  return [
    `leases: ${known}, ${stale === undefined ? 'up to date' : `may be old: ${stale}`}`,
    `leases cache: ${cacheFailures} failed writes`,
  ]
}

/** The lines that tools look for in flannel's log (flannel-contract 15). */
function describeStart(config: AgentConfig, source: LeaseSource, log: Log): void {
  const { backend } = config.network
  log.info('agent.network', `Found network config - Backend type: ${backend.type}`, { source: source.kind })
  if (backend.type === 'host-gw') return
  const port = backend.port ?? 0
  log.info(
    'agent.backend',
    `VXLAN config: VNI=${backend.vni} Port=${port} GBP=${backend.gbp} Learning=${backend.learning} DirectRouting=${backend.directRouting}`,
  )
}
