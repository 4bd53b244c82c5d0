/**
 * A whole agent at work on a shadow of this host: what it reads is real, what it writes is kept and told. Owns how long that is
 * waited for. Must not: hold a lock, a socket or a folder, nor let a write through.
 */
import { release } from 'node:os'
import { createAgentCore } from '../../agent/agent-core.ts'
import type { AgentConfig } from '../../agent/config.ts'
import { createFilterTools, createGuardTools } from '../../agent/filter-tools.ts'
import type { AgentStatus } from '../../agent/status.ts'
import { wantedChecksum } from '../../device/checksum.ts'
import { type HostError, InvariantError, type LeaseError } from '../../errors.ts'
import { systemClock } from '../../host/clock.ts'
import { listFolder, readAsWritten, readIfExists } from '../../host/files.ts'
import { nicDrivers } from '../../host/nic-drivers.ts'
import { linksWithAdvertisedRoutes } from '../../host/ra-links.ts'
import { findRival, K3S_NET_CONF, type Rival } from '../../host/rival.ts'
import { createSysctl } from '../../host/sysctl.ts'
import { createFileSource } from '../../leases/file.ts'
import type { NodePatch } from '../../leases/kube/publish-patch.ts'
import { createKubeSource } from '../../leases/kube.ts'
import type { LeaseSource } from '../../leases/source.ts'
import { openRtnl } from '../../rtnl/native.ts'
import type { Log } from '../../util/log.ts'
import {
  believing,
  createShadowFiles,
  createShadowPrograms,
  createShadowSysctl,
  type ShadowPrograms,
  type ShadowSysctl,
} from './shadow-host.ts'
import { createShadow, type Shadow } from './shadow-rtnl.ts'

export interface Said {
  /** Why a device is made or changed; or what would be warned of. */
  readonly kind: 'reason' | 'warning'
  readonly message: string
}

export interface Rehearsal {
  readonly shadow: Shadow
  /** Text by path. */
  readonly files: ReadonlyMap<string, string>
  readonly sysctls: ShadowSysctl
  readonly programs: ShadowPrograms
  /** What would be written on our own Node, the last word of each. */
  readonly patch: NodePatch | undefined
  /** Why the device is made or changed, and warnings, in the agent's words. */
  readonly said: readonly Said[]
  readonly rival: Rival | undefined
  readonly status: AgentStatus | undefined
}

/** Without anything new for so long it is over: what is missing does not come by itself. Milliseconds. */
const QUIET_MS = 3000
const LONGEST_MS = 60_000
/** Without anything new for so long after all is right. */
const SETTLED_MS = 300

/** Between two words of what is waited for. */
const TELL_MS = 5000

/** `tell`: what is waited for, while it lasts. */
export async function rehearse(config: AgentConfig, tell: (waiting: string) => void): Promise<Rehearsal> {
  const clock = systemClock
  const said: Said[] = []
  const log = listeningLog((kind, message) => said.push({ kind, message }))
  const shadow = createShadow(openRtnl)
  const reading = createShadowFiles({ read: readIfExists })
  const kept = createShadowFiles({ read: readAsWritten })
  const sysctls = createShadowSysctl(createSysctl(), shadow.isMade)
  const programs = createShadowPrograms()
  let patch: NodePatch | undefined
  const source = sourceOf(config, log, (next) => {
    patch = { ...patch, ...next }
  })
  let status: AgentStatus | undefined
  const rivalOf = (): Promise<Rival | undefined> =>
    findRival({ proc: '/proc', k3sNetConf: config.k3sNetConf ?? K3S_NET_CONF })
  /** Our lease was told once, whatever became of it. */
  let published = false
  let hopeless: HostError | LeaseError | undefined
  let at = clock.now()
  const news = (): void => {
    at = clock.now()
  }
  const core = createAgentCore(config, {
    source: {
      ...source,
      publish: (own) =>
        source.publish(own).finally(() => {
          published = true
          news()
        }),
    },
    clock,
    log,
    openRtnl: shadow.open,
    sysctl: sysctls.port,
    nameOwner: async () => undefined,
    rival: async () => (await rivalOf())?.name,
    readFile: (file) => reading.ports.read(file),
    replaceFile: reading.ports.replace,
    keptFiles: {
      ...kept.ports,
      replace: (file, text) => {
        news()
        return kept.ports.replace(file, text)
      },
      list: listFolder,
    },
    filters(family) {
      const filters = createFilterTools(family, config, clock, programs.run)
      const tools = Object.entries(filters?.tools ?? {}).map(([kind, tool]) => [kind, believing(tool, programs)])
      return filters && { ...filters, tools: Object.fromEntries(tools) }
    },
    vxlanGuard: (family) => createGuardTools(family, config, clock, programs.run),
    advertisedLinks: linksWithAdvertisedRoutes,
    checksum: async (underlay) =>
      wantedChecksum(config.txChecksumOffload ?? 'auto', {
        kernel: release(),
        drivers: underlay === undefined ? [] : await nicDrivers(underlay.ifname),
      }),
    onHopeless: (error) => {
      hopeless = error
    },
  })
  core.onStatus((next) => {
    status = next
    news()
  })
  const from = clock.now()
  const isOver = (): boolean => {
    const now = clock.now()
    return hopeless !== undefined || now - from > LONGEST_MS || (now - at > QUIET_MS && source.view().synced)
  }
  let toldAt = from
  // Whoever is ready may still have a file to write, as after the device's MTU was changed.
  const isSettled = (): boolean => status?.ready === true && published && clock.now() - at >= SETTLED_MS
  while (!isSettled() && !isOver()) {
    await new Promise<void>((resolve) => clock.after(50, resolve))
    if (status === undefined || clock.now() - toldAt < TELL_MS) continue
    toldAt = clock.now()
    tell(status.text)
  }
  await core.stop()
  const rival = await rivalOf()
  const files = new Map([...(await kept.changes()), ...(await reading.changes())])
  return { shadow, files, sysctls, programs, patch, said, rival, status }
}

function sourceOf(config: AgentConfig, log: Log, onPatch: (patch: NodePatch) => void): LeaseSource {
  const { leases, network } = config
  const common = { network, log, clock: systemClock }
  switch (leases.kind) {
    case 'file':
      return createFileSource({ path: leases.path, nodeName: leases.nodeName, ...common })
    case 'custom':
      throw new InvariantError('no flag gives a source of its own')
    case 'kube':
      return createKubeSource({ config: leases, ...common, rehearse: onPatch })
  }
}

/** Of what it says, what a reader of the plan wants to know. */
function listeningLog(hear: (kind: Said['kind'], message: string) => void): Log {
  const log: Log = {
    debug: () => undefined,
    info(event, message) {
      switch (event) {
        case 'device.effect':
          // The operation before the colon stands in the command.
          hear('reason', message.replace(/^[a-z-]+: /, ''))
          return
        default:
      }
    },
    warn: (_event, message) => hear('warning', message),
    error: (_event, message) => hear('warning', message),
    with: () => log,
  }
  return log
}
