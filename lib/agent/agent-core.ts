/**
 * The agent without its adapters: one FamilyOverlay a family, the lease source, publishing, subnet.env and readiness, and
 * who is told what when. Owns those connections. Must not: import a concrete adapter (agent.ts wires them).
 */

import type { OwnNode } from '../cluster/lease.ts'
import { isVxlan } from '../cluster/network.ts'
import type { LeaseView, OwnVtep } from '../cluster/view.ts'
import { carrierName } from '../device/vtep.ts'
import { HostError, type LeaseError } from '../errors.ts'
import type { LeaseSource } from '../leases/source.ts'
import { FAMILIES, type Family, type Ip } from '../net/ip.ts'
import { ifacesInWords } from '../underlay/choice.ts'
import type { Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { type Checked, mergeChecks } from './checks.ts'
import { createCniFiles } from './cni-files.ts'
import type { AgentConfig } from './config.ts'
import { type Containment, createContainment } from './containment.ts'
import { compareFamily, type FamilyDifference } from './family-difference.ts'
import { deviceOf, type FamilyOverlay } from './family-overlay.ts'
import { createFreshLog } from './fresh-log.ts'
import { createHostSettings } from './host-settings.ts'
import type { FilePorts } from './kept-file.ts'
import { createLeasePublisher } from './lease-publisher.ts'
import {
  createMember,
  familyChecks,
  isUnchecked,
  type Member,
  type MemberPorts,
  ownVtep,
  subnetEnv,
  unreadyOf,
} from './member.ts'
import type { MeshWatch } from './mesh-watch.ts'
import { createReadiness } from './readiness.ts'
import type { AgentStatus } from './status.ts'
import { wantedRules } from './wanted-rules.ts'
import type { TableCount } from './window/metric-readers.ts'
import { type PeerQuestion, peerRows } from './window/peer-rows.ts'
import { type FamilyReport, familyReport, type PeerReport } from './window/report.ts'

/** How long the family that is ready first waits with its lease for the other and for the CNI files, once per start, milliseconds. */
const TOGETHER_MS = 1000

export interface AgentPorts extends Omit<MemberPorts, 'onChange'> {
  readonly source: LeaseSource
  /** For the files that others read: `read` also tells one that was altered in another way than by its text. */
  readonly keptFiles: FilePorts & { readonly list: (folder: string) => Promise<readonly string[]> }
  /** Probes between a family's peers and us; default, and where it gives undefined: none. */
  readonly mesh?: (overlay: FamilyOverlay, containment: Pick<Containment, 'clock' | 'guard'>) => MeshWatch | undefined
  /** Links whose IPv6 routes come from router advertisements. */
  readonly advertisedLinks: () => Promise<readonly string[]>
  /** Device and tables of every family stand for the first time, from a complete view. */
  readonly onCarries?: (() => void) | undefined
  /** Called when no family can ever run on this host, or our own Node contradicts net-conf: waiting does not help. */
  readonly onHopeless: (error: HostError | LeaseError) => void
}

export interface AgentCore {
  /** No check has a fault. */
  readonly ready: boolean
  /** The underlay addresses that belong to this node, for a core after this one. */
  readonly founded: Readonly<Partial<Record<Family, Ip>>>
  /** `listener` is told how the agent is, now and at each change. */
  onStatus(listener: (status: AgentStatus) => void): void
  readonly report: CoreReport
  stop(): Promise<void>
}

/** What is told to whoever asks; each is of the moment at which it is asked. */
export interface CoreReport {
  families(): readonly FamilyReport[]
  peers(question: PeerQuestion): Iterable<PeerReport | undefined>
  /** Of each family that is probed. */
  readonly mesh: readonly MeshWatch[]
  /** By the books, without a look. */
  tables(): readonly TableCount[]
  /** By family: a fresh look beside what should be; undefined: there is nothing to compare with yet. */
  differences(): Promise<readonly FamilyDifference[]>
}

export function createAgentCore(config: AgentConfig, ports: AgentPorts): AgentCore {
  const { source, clock, log } = ports
  const { backend } = config.network
  const standing = createStandingLog(log, clock)
  const containment = createContainment({ clock, log, standing, onCaught: () => leases.mark() })
  const rejectedLog = createFreshLog(clock, (text, rejected) =>
    log.warn('leases.rejected', `not accepted: ${text}`, { rejected }),
  )
  const aliasLog = createFreshLog(clock, (text, aliases) => log.info('leases.same-machine', text, { aliases }))
  const readiness = createReadiness({ clock, log })
  let carried = false
  let stopped = false
  let seen: LeaseView | undefined
  let own: OwnNode | undefined

  const members = FAMILIES.filter((family) => config.network[family] !== undefined).map((family) =>
    createMember(family, config, { ...ports, onChange: () => overlayChanged() }),
  )
  const mesh = members.flatMap(({ overlay }) => ports.mesh?.(overlay, containment) ?? [])
  const cniFiles = createCniFiles({
    path: config.subnetFile,
    conflist: config.conflist,
    content: () => subnetEnv(config, own, members),
    files: ports.keptFiles,
    list: ports.keptFiles.list,
    clock,
    log,
    standing,
    onChange() {
      publisher.mark()
      reconsider()
    },
  })
  let together: { readonly until: number; readonly timer: Timer } | undefined
  /**
   * Peers of a dual-stack cluster expect both families, and the Node's condition means that pods can start: the second family
   * and the files for pods usually come milliseconds after the first family.
   */
  const ownTogether = (): OwnVtep | undefined => {
    const known = ownVtep(config, own, members)
    const vtep = known && { ...known, podsCanStart: cniFiles.written }
    const whole = cniFiles.written && members.every(({ overlay }) => vtep?.[overlay.family] !== undefined)
    if (vtep === undefined || whole) return vtep
    together ??= { until: clock.now() + TOGETHER_MS, timer: clock.after(TOGETHER_MS, () => publisher.mark()) }
    return clock.now() < together.until ? undefined : vtep
  }
  const publisher = createLeasePublisher({ source, own: ownTogether, standing, clock, onChange: () => reconsider() })
  const hostSettings = createHostSettings({
    mode: config.hostSysctls ?? 'set',
    families: () =>
      members.flatMap(({ overlay: { family, cannot, state } }) =>
        // Without a device of ours, the link that carries packets is somebody else's.
        cannot ? [] : [{ family, device: isVxlan(config.network) ? deviceOf(state)?.ifname : undefined }],
      ),
    sysctl: ports.sysctl,
    advertisedLinks: ports.advertisedLinks,
    clock,
    log,
    contain: containment.contain,
    onChange: () => reconsider(),
  })
  /** Beside the families and the view: what else has to be right. Each calls `reconsider` when it changes. */
  const components: readonly Checked[] = [
    {
      get checks() {
        return [{ name: 'lease', fault: publisher.fault }]
      },
    },
    cniFiles,
    hostSettings,
  ]

  /** Saving an lladdr may take its time: no family waits for the other's. */
  const bring = async (member: Member, view: LeaseView, known: OwnNode | undefined): Promise<void> => {
    const { overlay, device, filter, allow } = member
    if (known !== undefined && view.synced && !member.settled) {
      const gaveWay = await device.giveWay(known, source.kind, view, deviceOf(overlay.state)?.lladdr)
      member.checked = overlay.own?.device.lladdr
      member.settled = !gaveWay && member.checked !== undefined
    }
    overlay.setOwn(known, known === undefined ? NOTHING_KEPT : await device.choose(known, source.kind))
    await allow?.admit(view)
    overlay.setView(view)
    const wanted = wantedRules(config, overlay.family, known?.subnets[overlay.family])
    if (wanted !== undefined) filter?.setWanted(wanted)
  }
  /** Brings what the source says to the families, one view after the other. */
  const leases = createDirtyLoop(async () => {
    const view = source.view()
    own = keepOwn(own, view.own)
    const known = own
    await Promise.all(members.map((member) => bring(member, view, known)))
    for (const one of mesh) one.setView(view)
    reportView(log, seen, view)
    seen = view
    rejectedLog.report(view.rejected.map(({ message }) => message))
    aliasLog.report(view.aliases)
    const oursIsWrong = view.rejected.find((error) => error.node === view.own?.node)
    if (oursIsWrong !== undefined && !readiness.ever) ports.onHopeless(oursIsWrong)
    publisher.mark()
    cniFiles.mark()
    reconsider()
  }, containment.contain)

  const reconsider = (): void => {
    if (stopped) return
    // A family that has no room on this underlay does not exist; the other one is all that there is.
    const existing = members.filter(({ overlay }) => !overlay.cannot)
    const view = source.view()
    if (!carried && view.synced && existing.length > 0 && existing.every(({ overlay }) => overlay.programmed)) {
      carried = true
      ports.onCarries?.()
    }
    readiness.judge({
      view,
      podsCanStart: cniFiles.written,
      checks: mergeChecks([
        ...(existing.length > 0 ? existing : members).flatMap((member) => familyChecks(config, member)),
        { name: 'watch', fault: view.synced ? undefined : view.because },
        ...components.flatMap(({ checks }) => checks),
      ]),
      families: members.map((member) => ({
        device: carrierName(member.overlay.family, backend),
        unready: unreadyOf(member),
        cannot: member.overlay.cannot,
      })),
    })
  }
  const overlayChanged = (): void => {
    if (stopped) return
    for (const { overlay, device } of members) {
      const { founded } = overlay
      const now = deviceOf(overlay.state)
      if (now !== undefined) void device.remember({ lladdr: now.lladdr, founded })
    }
    for (const one of mesh) one.update()
    tellTranslated()
    if (seen?.synced && members.some(isUnchecked)) leases.mark()
    publisher.mark()
    cniFiles.mark()
    hostSettings.mark()
    reconsider()
    const states = members.map(({ overlay }) => overlay.state)
    const hopeless = states.find((state) => state.name === 'blocked' && state.fatal)
    if (readiness.ever || hopeless === undefined || !states.every((state) => state.name === 'blocked' && state.fatal))
      return
    ports.onHopeless(new HostError('because' in hopeless ? hopeless.because : hopeless.name))
  }

  /** Peers take the published address for the next hop, so that nothing may be between it and us. */
  const tellTranslated = (): void => {
    const vtep = backend.type === 'host-gw' ? ownVtep(config, own, members) : undefined
    const pairs = members.flatMap(({ overlay }) => {
      const [published, local] = [vtep?.[overlay.family]?.underlay, overlay.own?.underlay.local]
      return published === undefined || local === undefined || published === local ? [] : [[published, local]]
    })
    if (pairs.length === 0) {
      standing.over('backend.translated')
      return
    }
    const named = pairs.map(([published, local]) => `${published} instead of ${local}`).join(', ')
    standing.stands(
      'backend.translated',
      `this node publishes ${named}: host-gw peers send to it as the next hop on their link, and do not reach it through address translation; remove --public-ip or the overwrite annotation, or use vxlan`,
    )
  }

  for (const word of ifacesInWords(config.underlayChoice)) log.info('underlay.iface', word)
  source.start(() => leases.mark())
  leases.mark()

  return {
    get ready() {
      return readiness.ready
    },
    get founded() {
      const known = members.flatMap(({ overlay: { family, founded } }) => (founded ? [[family, founded]] : []))
      return Object.fromEntries(known) as Partial<Record<Family, Ip>>
    },
    onStatus(listener) {
      readiness.onStatus(listener)
      reconsider()
    },
    report: {
      families: () =>
        members.map(({ overlay, filter }) =>
          familyReport(
            config.network,
            source.view(),
            { overlay, filter, mesh: mesh.find(({ family }) => family === overlay.family) },
            clock.now(),
          ),
        ),
      peers: (question) =>
        peerRows(
          source.view(),
          members.map(({ overlay }) => overlay),
          question,
        ),
      mesh,
      tables: () =>
        members.flatMap(({ overlay: { family, tables } }) =>
          TABLES.map((table) => ({ family, table, ...tables[table] })),
        ),
      differences: () =>
        Promise.all(members.map((member) => compareFamily(member, (family) => hostSettings.compare(family)))),
    },
    async stop() {
      stopped = true
      await source.close()
      await leases.stop()
      rejectedLog.stop()
      aliasLog.stop()
      containment.stop()
      together?.timer.cancel()
      for (const one of mesh) one.stop()
      await Promise.all([
        publisher.stop(),
        cniFiles.stop(),
        hostSettings.stop(),
        ...members.flatMap(({ overlay, filter, allow }) => [overlay.stop(), filter?.stop(), allow?.stop()]),
      ])
      standing.stop()
    },
  }
}

const TABLES = ['neighbours', 'fdb', 'routes'] as const
const NOTHING_KEPT = { lladdr: undefined, founded: undefined }

/** Our Node deleted, or re-created without podCIDR: what runs on this node still uses the last subnets. */
function keepOwn(last: OwnNode | undefined, now: OwnNode | undefined): OwnNode | undefined {
  if (now === undefined || last === undefined) return now ?? last
  const { ipv4, ipv6 } = now.subnets
  return { ...now, subnets: { ipv4: ipv4 ?? last.subnets.ipv4, ipv6: ipv6 ?? last.subnets.ipv6 } }
}

function reportView(log: Log, before: LeaseView | undefined, view: LeaseView): void {
  if (view === before) return
  log.info('leases.changed', view.synced ? `${view.peers.size} peers` : `${view.peers.size} peers, ${view.because}`, {
    peers: view.peers.size,
    synced: view.synced,
    rejected: view.rejected.length,
  })
}
