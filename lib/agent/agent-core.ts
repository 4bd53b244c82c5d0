/**
 * The agent without its adapters: one FamilyOverlay a family, the lease source, publishing, subnet.env and readiness, and
 * who is told what when. Owns those connections. Must not: import a concrete adapter (agent.ts wires them).
 */

import type { OwnNode } from '../cluster/lease.ts'
import { isVxlan, overheadOf } from '../cluster/network.ts'
import type { LeaseView, OwnVtep } from '../cluster/view.ts'
import type { SubnetEnv } from '../cni/subnet-env.ts'
import { carrierName } from '../device/vtep.ts'
import { HostError, type LeaseError } from '../errors.ts'
import type { LeaseSource } from '../leases/source.ts'
import type { Cidr } from '../net/cidr.ts'
import { FAMILIES, type Family, type Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { type Mtu, parseMtu } from '../net/mtu.ts'
import type { Rtnl } from '../rtnl/port.ts'
import { ifacesInWords } from '../underlay/choice.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { type Check, type Checked, mergeChecks } from './checks.ts'
import { createCniFiles } from './cni-files.ts'
import type { AgentConfig } from './config.ts'
import { createContainment } from './containment.ts'
import type { Sysctl } from './device-ops.ts'
import { createFamilyOverlay, deviceOf, type FamilyOverlay, type FamilyOverlayParts } from './family-overlay.ts'
import { createFreshLog } from './fresh-log.ts'
import { createHostSettings } from './host-settings.ts'
import type { FilePorts } from './kept-file.ts'
import { createKept } from './kept-value.ts'
import { createLeasePublisher } from './lease-publisher.ts'
import { createOwnDevice, type OwnDevice } from './own-device.ts'
import { createPacketFilterKeeper, type FamilyFilters, type PacketFilterKeeper } from './packet-filter.ts'
import { createReadiness } from './readiness.ts'
import type { AgentStatus } from './status.ts'
import { createVxlanAllow, type VxlanAllow, type VxlanAllowParts } from './vxlan-allow.ts'
import { wantedRules } from './wanted-rules.ts'

/** How long the family that is ready first waits with its lease for the other and for the CNI files, once per start, milliseconds. */
const TOGETHER_MS = 1000

export interface AgentPorts {
  readonly openRtnl: () => Rtnl
  readonly sysctl: Sysctl
  readonly nameOwner: (portId: number) => Promise<string | undefined>
  readonly source: LeaseSource
  readonly readFile: (path: string) => Promise<string | undefined>
  readonly replaceFile: (path: string, text: string) => Promise<void>
  /** For the files that others read: `read` also tells one that was altered in another way than by its text. */
  readonly keptFiles: FilePorts & { readonly list: (folder: string) => Promise<readonly string[]> }
  /** Default, and where it gives undefined: no packet filter rules are kept, and none that exist are touched. */
  readonly filters?: (family: Family) => FamilyFilters | undefined
  /** Links whose IPv6 routes come from router advertisements. */
  readonly advertisedLinks: () => Promise<readonly string[]>
  /** Who may reach the VXLAN port; default, and where it gives undefined: nothing is done about that. */
  readonly vxlanGuard?: (family: Family) => Pick<VxlanAllowParts, 'guard' | 'guarded'> | undefined
  /** A flannel that runs here beside us, in words; undefined: none is seen. */
  readonly rival: () => Promise<string | undefined>
  readonly clock: Clock
  readonly log: Log
  /** FamilyOverlayParts. */
  readonly contestedStayMs?: number | undefined
  /** FamilyOverlayParts. */
  readonly checksum?: FamilyOverlayParts['checksum']
  /** Device and tables of every family stand for the first time, from a complete view. */
  readonly onCarries?: (() => void) | undefined
  /** What a core before this one knew of our underlay addresses. */
  readonly founded?: Readonly<Partial<Record<Family, Ip>>> | undefined
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
  stop(): Promise<void>
}

interface Member {
  readonly overlay: FamilyOverlay
  readonly device: OwnDevice
  readonly filter: PacketFilterKeeper | undefined
  readonly allow: VxlanAllow | undefined
  /** The device's lladdr that was last looked at for whether another has it. */
  checked: Lladdr | undefined
  /** Nobody has: it may be published. */
  settled: boolean
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

  const onChange = (): void => overlayChanged()
  const members: readonly Member[] = FAMILIES.filter((family) => config.network[family] !== undefined).map((family) => {
    const overlay = createFamilyOverlay({
      family,
      network: config.network,
      choice: config.underlayChoice,
      blackhole: config.ipBlackholeRoute,
      checksum: ports.checksum,
      openRtnl: ports.openRtnl,
      sysctl: ports.sysctl,
      nameOwner: ports.nameOwner,
      rival: ports.rival,
      contestedStayMs: ports.contestedStayMs,
      clock,
      log,
      onChange,
    })
    const ifname = carrierName(family, backend)
    const device = createOwnDevice(family, {
      network: config.network[family],
      subnetFile: config.subnetFile,
      foundedBefore: ports.founded?.[family],
      vni: isVxlan(config.network) ? config.network.backend.vni : undefined,
      keep: (field, parse) => createKept({ ...ports, stateDir: config.stateDir, ifname, field, parse }),
      // Another MAC than need be costs a moment, a shared one the node.
      isHere: (ip) => overlay.isHere(ip).catch(() => false),
      log,
    })
    const filters = ports.filters?.(family)
    const filter =
      filters && createPacketFilterKeeper({ family, filters, auditMs: config.firewall?.auditMs, clock, log, onChange })
    const vxlanGuard = ports.vxlanGuard?.(family)
    const allow = vxlanGuard && createVxlanAllow({ family, ...vxlanGuard, clock, log })
    // Without a device there is no lladdr that another might have.
    return { overlay, device, filter, allow, checked: undefined, settled: backend.type === 'host-gw' }
  })
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

  /** Brings what the source says to the families; saving an lladdr may take its time, so it runs as a loop. */
  const leases = createDirtyLoop(async () => {
    const view = source.view()
    own = keepOwn(own, view.own)
    for (const member of members) {
      const { overlay, device, filter, allow } = member
      if (own !== undefined && view.synced && !member.settled) {
        const gaveWay = await device.giveWay(own, source.kind, view, deviceOf(overlay.state)?.lladdr)
        member.checked = overlay.own?.device.lladdr
        member.settled = !gaveWay && member.checked !== undefined
      }
      overlay.setOwn(own, own === undefined ? NOTHING_KEPT : await device.choose(own, source.kind))
      await allow?.admit(view)
      overlay.setView(view)
      const wanted = wantedRules(config, overlay.family, own?.subnets[overlay.family])
      if (wanted !== undefined) filter?.setWanted(wanted)
    }
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
    async stop() {
      stopped = true
      await source.close()
      await leases.stop()
      rejectedLog.stop()
      aliasLog.stop()
      containment.stop()
      together?.timer.cancel()
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

function isUnchecked({ overlay: { own }, checked, settled }: Member): boolean {
  return !settled && own !== undefined && own.device.lladdr !== checked
}

/** With the device's name before each fault. */
function familyChecks({ network: { backend } }: AgentConfig, { overlay, filter }: Member): readonly Check[] {
  const device = carrierName(overlay.family, backend)
  const checks = [...overlay.checks, ...(filter === undefined ? [] : [{ name: 'filter', fault: filter.unready }])]
  return checks.map(({ name, fault }) => ({ name, fault: fault === undefined ? undefined : `${device} ${fault}` }))
}

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

function unreadyOf({ overlay, filter }: Member): string | undefined {
  return overlay.unready ?? filter?.unready
}

/** Only families whose device is ready, with an lladdr that nobody else has: the others stay as the source has them. */
function ownVtep(config: AgentConfig, known: OwnNode | undefined, members: readonly Member[]): OwnVtep | undefined {
  if (known === undefined) return undefined
  const of = (family: Family): OwnVtep['ipv4'] => {
    const { overlay: { own } = {}, settled } = members.find(({ overlay }) => overlay.family === family) ?? {}
    if (own === undefined || settled !== true) return undefined
    const lladdr = isVxlan(config.network) ? own.device.lladdr : undefined
    return { underlay: known.publishInstead[family] ?? own.underlay.publicIp, lladdr }
  }
  const { network } = config
  const vtep = { vni: isVxlan(network) ? network.backend.vni : undefined, ipv4: of('ipv4'), ipv6: of('ipv6') }
  return vtep.ipv4 === undefined && vtep.ipv6 === undefined ? undefined : vtep
}

/**
 * Known when every family has its subnet and at least one a device; a family without device takes part with the MTU that
 * it would have on the other's underlay, so that one broken family does not keep pods from starting. One that has no room
 * on the underlay is left out.
 */
function subnetEnv(config: AgentConfig, own: OwnNode | undefined, members: readonly Member[]): SubnetEnv | undefined {
  // The first pod's first packet meets them.
  if (members.some(({ overlay, filter }) => !overlay.cannot && filter?.tried === false)) return undefined
  const { backend } = config.network
  const cannot = new Set(members.flatMap(({ overlay }) => (overlay.cannot ? [overlay.family] : [])))
  const devices = members.map(({ overlay }) => ({ family: overlay.family, mtu: deviceOf(overlay.state)?.mtu }))
  const outer = devices.flatMap(({ family, mtu }) => (mtu === undefined ? [] : [mtu + overheadOf(backend, family)]))
  if (outer.length === 0) return undefined
  const mtuOf = (family: Family): Mtu => {
    const mtu = devices.find((device) => device.family === family)?.mtu
    return parseMtu(mtu ?? Math.min(...outer) - overheadOf(backend, family))
  }
  const part = (family: Family, network: Cidr | undefined): SubnetEnv['ipv4'] | 'unknown' => {
    const subnet = own?.subnets[family]
    if (network === undefined || cannot.has(family)) return undefined
    return subnet === undefined ? 'unknown' : { network, subnet, mtu: mtuOf(family) }
  }
  const ipv4 = part('ipv4', config.network.ipv4)
  const ipv6 = part('ipv6', config.network.ipv6)
  return ipv4 === 'unknown' || ipv6 === 'unknown' ? undefined : { ipv4, ipv6, ipMasq: config.ipMasq }
}
