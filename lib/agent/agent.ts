/**
 * Starts a whole agent: takes the locks, chooses the adapters, opens the doors. The only file of this floor that imports
 * concrete adapters. Must not: hold logic (agent-core.ts) or read flags (lib/cli).
 */

import { rm } from 'node:fs/promises'
import { release } from 'node:os'
import path from 'node:path'
import type { Network } from '../cluster/network.ts'
import { wantedChecksum } from '../device/checksum.ts'
import { carrierName } from '../device/vtep.ts'
import { LockedError } from '../errors.ts'
import { listFolder, readAsWritten, readIfExists, replaceFile } from '../host/files.ts'
import { lockDevice } from '../host/lock.ts'
import { nameNetlinkOwner } from '../host/netlink-owner.ts'
import { nicDrivers } from '../host/nic-drivers.ts'
import { linksWithAdvertisedRoutes } from '../host/ra-links.ts'
import { findRival, K3S_NET_CONF, type Rival } from '../host/rival.ts'
import { createSysctl } from '../host/sysctl.ts'
import { watchFile } from '../host/watch-file.ts'
import { createCustomSource } from '../leases/custom.ts'
import { createFileSource } from '../leases/file.ts'
import { createKubeSource, type KubeSource } from '../leases/kube.ts'
import type { LeaseSource } from '../leases/source.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { FAMILIES } from '../net/ip.ts'
import { openRtnl } from '../rtnl/native.ts'
import type { Clock } from '../util/clock.ts'
import type { Log, LogLevel } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { createAgentCore } from './agent-core.ts'
import type { AgentConfig } from './config.ts'
import type { DeviceRunnerParts } from './device-runner.ts'
import { createFilterTools, createGuardTools, refuseWithoutNft } from './filter-tools.ts'
import { type HealthServer, startHealthServer } from './health.ts'
import { createMesh } from './mesh-tools.ts'
import { followNetConf, type NetConfFollower } from './net-conf-follower.ts'
import { createRetirement } from './retirement.ts'
import type { AgentStatus } from './status.ts'
import { createSuccession, type Succession, type SuccessionParts } from './succession.ts'
import { createJournal, type Journal } from './window/journal.ts'
import type { AgentReport } from './window/report.ts'
import { createTelemetry, type Telemetry } from './window/telemetry.ts'
import { tellEvents } from './window/tell-events.ts'
import { agentReport, openWindow, type Window } from './window/window.ts'

export interface Agent {
  /** What /readyz says; true again and false again as the truth changes. */
  readonly ready: boolean
  /** `listener` is told how the agent is once it runs (it is alone, and its health server listens), and at each change. */
  onStatus(listener: (status: AgentStatus) => void): void
  /** Everything stays in the kernel (design decision 14). Resolves when nothing of the agent runs any more. */
  stop(): Promise<void>
  /** Resolves after `stop`; rejects when the agent cannot go on: LockedError, HostError, ConfigError. */
  readonly ended: Promise<void>
  /** Resolves when it is alone and its servers listen, or `stop` came before; rejects as `ended` does. */
  readonly started: Promise<void>
  /** What `vtepd status --json` tells. */
  report(): AgentReport
  /** What it says, and what stands. */
  readonly journal: Pick<Journal, 'follow' | 'followFaults' | 'standing'>
}

export interface AgentParts {
  readonly log: Log
  readonly clock: Clock
  /** Of the program that it runs in, as it tells it. */
  readonly version?: string
  /** The least level that `log` writes, to be read and changed while the agent runs; default: it cannot be changed. */
  readonly logLevel?: { level: LogLevel }
  /** What it was told, as a document for whoever asks through the window; default: nobody is told. */
  readonly configuration?: () => Promise<object>
}

/** Returns at once; what can become right by itself is waited for inside (design decision 12). */
export function startAgent(config: AgentConfig, given: AgentParts): Agent {
  const startedAt = new Date().toISOString()
  const telemetry = createTelemetry(given.log, given.clock)
  const journal = createJournal(telemetry.log)
  const parts = { ...given, log: journal.log, clock: telemetry.clock, telemetry }
  const { log, clock } = parts
  const servers: HealthServer[] = []
  let follower: NetConfFollower | undefined
  let window: Window | undefined
  let fail: (error: unknown) => void = () => undefined
  let finish: () => void = () => undefined
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  let stopping = false
  let onStatus: (status: AgentStatus) => void = () => undefined
  let last: AgentStatus | undefined

  const standing = createStandingLog(log, clock)
  const succession = successionOf(config, parts, {
    standing,
    onHopeless(error) {
      const told = events?.gaveUp(messageOf(error)) ?? Promise.resolve()
      void told.finally(() => fail(error))
    },
  })
  const report = (): AgentReport =>
    agentReport({ succession, journal, status: () => last, version: given.version }, startedAt)
  const events = tellEvents(config, { succession, journal, clock, log })

  const start = async (): Promise<void> => {
    await refuseWithoutNft(config)
    await refuseRival(config, log)
    await succession.claim()
    const opened = await openWindow(config, {
      succession,
      journal,
      telemetry,
      report,
      logLevel: given.logLevel,
      clock,
      configuration: given.configuration,
    })
    window = opened
    const answers = {
      ready: () => succession.core?.ready ?? false,
      checks: () => last?.checks ?? [],
      metrics: opened.metrics,
      details: () => [...(last === undefined ? [] : [last.text]), ...describeLeases(succession.source)],
      log,
    }
    if (config.health !== undefined) servers.push(await startHealthServer({ ...config.health, ...answers }))
    if (config.metrics !== undefined)
      servers.push(await startHealthServer({ ...config.metrics, ...answers, only: METRICS_ONLY }))
    if (stopping) return
    await succession.begin()
    succession.onStatus((status) => {
      last = status
      onStatus(status)
    })
    if (config.netConf !== undefined)
      follower = followNetConf({
        ...config.netConf,
        ...parts,
        standing,
        watch: (path, onChange) => watchFile(path, onChange, { clock }),
        readFile: readIfExists,
        onNetwork: (network) => succession.follow(network),
      })
  }
  const started = start()
  started.catch(fail)

  return {
    get ready() {
      return succession.core?.ready ?? false
    },
    onStatus(listener) {
      onStatus = listener
      if (last !== undefined) listener(last)
    },
    ended,
    started,
    report,
    journal,
    async stop() {
      if (stopping) return
      stopping = true
      events?.stop()
      await started.catch(() => undefined)
      await follower?.stop()
      await succession.stop()
      await Promise.all([...servers.map((server) => server.close()), window?.close()])
      standing.stop()
      finish()
    },
  }
}

function rivalOf({ k3sNetConf = K3S_NET_CONF }: AgentConfig): Promise<Rival | undefined> {
  return findRival({ proc: '/proc', k3sNetConf })
}

const METRICS_ONLY = { page: '/metrics', flag: '--metrics-bind-address' } as const

/** Whose drivers are remembered. */
const MOST_LINKS = 8

/**
 * A look at a device that is gone waits for the answer: drivers that are known are believed, and read anew for the next look, as
 * a link may get others below it.
 */
function checksumChoice({ txChecksumOffload = 'auto' }: AgentConfig): DeviceRunnerParts['checksum'] {
  const known = new Map<Ifindex, readonly string[]>()
  const read = async ({ ifindex, ifname }: { readonly ifindex: Ifindex; readonly ifname: string }) => {
    const drivers = await nicDrivers(ifname)
    // Links that are made anew have other numbers.
    if (known.size > MOST_LINKS) known.clear()
    known.set(ifindex, drivers)
    return drivers
  }
  return async (underlay) => {
    const reading = underlay === undefined || txChecksumOffload !== 'auto' ? undefined : read(underlay)
    const drivers = underlay && (known.get(underlay.ifindex) ?? (await reading))
    return wantedChecksum(txChecksumOffload, { kernel: release(), drivers: drivers ?? [] })
  }
}

type Source = LeaseSource | KubeSource

function successionOf(
  config: AgentConfig,
  parts: AgentParts & { readonly telemetry: Telemetry },
  { standing, onHopeless }: Pick<SuccessionParts<Source>, 'standing' | 'onHopeless'>,
): Succession<Source> {
  const files = { readFile: readIfExists, replaceFile }
  const { stateDir, subnetFile } = config
  const checksum = checksumChoice(config)
  return createSuccession<Source>({
    ...parts,
    network: config.network,
    standing,
    onHopeless,
    lock: lockDevice,
    createSource: (network) => createSource({ ...config, network }, parts),
    createCore(network, source, events, founded) {
      describeNetwork(network, source, parts.log)
      return createAgentCore(
        { ...config, network },
        {
          ...parts,
          ...files,
          ...events,
          source,
          founded,
          openRtnl,
          sysctl: createSysctl(),
          nameOwner: nameNetlinkOwner,
          keptFiles: {
            read: readAsWritten,
            replace: replaceFile,
            watch: (file, onChange) => watchFile(file, onChange, parts),
            list: listFolder,
          },
          filters: (family) => createFilterTools(family, { ...config, network }, parts.clock),
          vxlanGuard: (family) => createGuardTools(family, { ...config, network }, parts.clock),
          mesh: (overlay, containment) => createMesh({ ...config, network }, overlay, { ...parts, ...containment }),
          advertisedLinks: linksWithAdvertisedRoutes,
          checksum,
          // One that may be elsewhere counts: what it may want back is left to it.
          rival: async () => (await rivalOf(config))?.name,
        },
      )
    },
    createRetirement: (locks) =>
      createRetirement({
        ...parts,
        ...files,
        standing,
        stateDir,
        subnetFile,
        locks,
        openRtnl,
        listFolder,
        removeFile: (name) => rm(path.join(stateDir, name), { force: true }),
      }),
  })
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

function createSource(config: AgentConfig, { log, clock }: AgentParts): Source {
  const { leases, network } = config
  switch (leases.kind) {
    case 'file':
      return createFileSource({ path: leases.path, nodeName: leases.nodeName, network, log, clock })
    case 'custom':
      return createCustomSource({ source: leases.source, nodeName: leases.nodeName, network, log, clock })
    case 'kube':
      return createKubeSource({ config: leases, network, log, clock, stateDir: config.stateDir })
  }
}

/** For readyz?verbose. */
function describeLeases(source: Source | undefined): readonly string[] {
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
function describeNetwork({ backend }: Network, source: LeaseSource, log: Log): void {
  log.info('agent.network', `Found network config - Backend type: ${backend.type}`, { source: source.kind })
  if (backend.type === 'host-gw') return
  const port = backend.port ?? 0
  log.info(
    'agent.backend',
    `VXLAN config: VNI=${backend.vni} Port=${port} GBP=${backend.gbp} Learning=${backend.learning} DirectRouting=${backend.directRouting}`,
  )
}
