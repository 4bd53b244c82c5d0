/**
 * Everything of one address family: its device machine, its peer reconciler, the watch over the way, the announcer, their
 * two sockets and the monitor. Two families are two of these and share nothing, so neither can delay the other, nor an
 * exception in one of them end the process.
 * Owns their wiring. Must not: decide about devices or entries, nor know the lease source.
 */
import type { OwnNode } from '../cluster/lease.ts'
import { isVxlan, type Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { DELETED } from '../device/machine.ts'
import type { Device, DeviceState, Wanted } from '../device/types.ts'
import { carrierName } from '../device/vtep.ts'
import type { CommandDifference } from '../firewall/port.ts'
import { type Cidr, cidrFamily, contains } from '../net/cidr.ts'
import { FAMILIES, type Family, type Ip } from '../net/ip.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { createAnnouncer } from './announcer.ts'
import type { Check } from './checks.ts'
import { createContainment } from './containment.ts'
import { acceptRaKey, type Sysctl } from './device-ops.ts'
import { createDeviceReports } from './device-reports.ts'
import { createDeviceRunner, type DeviceRunnerParts } from './device-runner.ts'
import { createGovernor } from './governor.ts'
import { createHeals, type HealSlug, type Heals } from './heals.ts'
import { createHearing } from './hearing.ts'
import { createPeerReconciler, type PeerReconciler } from './peer-reconciler.ts'
import { createRtnlSession } from './rtnl-session.ts'
import type { TableDifference } from './table-difference.ts'
import { createWayWatch } from './way-watch.ts'

/** The whole of it is looked at this often even when nothing was heard (design decision 5), milliseconds, jittered. */
const AUDIT_MS = 60_000

/** Sysctls are announced nowhere (kernel-facts 2), and are one small file to read. */
const SYSCTL_AUDIT_MS = 1000

export interface FamilyOverlay {
  readonly family: Family
  readonly state: DeviceState
  /** Why packets would not get through, in words; undefined: device and tables stand, and packets find their way. */
  readonly unready: string | undefined
  /** The same, each by its name: device, tables, way. What cannot be told without the one before has its fault. */
  readonly checks: readonly Check[]
  /** The device is ready and the tables were written from a complete view. */
  readonly programmed: boolean
  /** The underlay has no room for this family: it does not exist, as long as that is so. */
  readonly cannot: boolean
  /** What the lease says once the device is ready: the address before any overwrite, and the device's lladdr. */
  readonly own: { readonly underlay: Underlay; readonly device: Device } | undefined
  /** The underlay address that belongs to this node: for a start after this one. */
  readonly founded: Ip | undefined
  readonly heals: Pick<Heals, 'count' | 'last'>
  /** Of each table, how many entries there should be and how many stand, without a look. */
  readonly tables: PeerReconciler['tables']
  /** Peers of which an entry does not stand, or whose place a route of others has. */
  readonly fallen: ReadonlySet<string>
  /** Of a peer: its entries stand and no route of others wins over its own, as far as the last round knows. */
  stands(node: string): boolean
  /** A fresh look at the three tables beside what they should be; undefined: there is nothing to compare with yet. */
  compare(): Promise<TableDifference | undefined>
  /** The same of the device and its addresses. */
  compareDevice(): Promise<CommandDifference>
  /** Whether this host has the address, or a person said that it is reached at it. Rejects when the kernel cannot be asked. */
  isHere(ip: Ip): Promise<boolean>
  /** Peers to program; may be called at any time. */
  setView(view: LeaseView): void
  /** What the lease source knows of us, and what an earlier run has kept; `lladdr` has been saved before. */
  setOwn(own: OwnNode | undefined, kept: { readonly lladdr: Wanted['lladdr']; readonly founded: Ip | undefined }): void
  stop(): Promise<void>
}

export interface FamilyOverlayParts {
  readonly family: Family
  readonly network: Network
  readonly choice: UnderlayChoice
  readonly openRtnl: () => Rtnl
  readonly sysctl: Sysctl
  /** The process behind a netlink port ID, for a log line. */
  readonly nameOwner: (portId: number) => Promise<string | undefined>
  /** DeviceRunnerParts; default: the checksums of the device are nobody's business. */
  readonly checksum?: DeviceRunnerParts['checksum'] | undefined
  /** Our own subnet has a blackhole route: what leads to no pod goes nowhere. Default: no. */
  readonly blackhole?: boolean | undefined
  /** A flannel that runs here beside us, in words. */
  readonly rival: () => Promise<string | undefined>
  readonly clock: Clock
  readonly log: Log
  /** For how long from now on nothing contested is deleted, milliseconds; default: ten minutes. */
  readonly contestedStayMs?: number | undefined
  /** State, readiness or own lease changed. */
  readonly onChange: () => void
}

export function createFamilyOverlay(parts: FamilyOverlayParts): FamilyOverlay {
  const { family, network, sysctl, choice } = parts
  const tunnels = isVxlan(network)
  const log = parts.log.with({ family })
  const standing = createStandingLog(log, parts.clock)
  const containment = createContainment({
    clock: parts.clock,
    log,
    standing,
    onCaught() {
      runner.send({ type: 'lost', because: 'an exception was contained' })
      peers.mark()
    },
  })
  const { clock, guard, report } = containment
  const common = { family, network, sysctl, choice, clock, log, standing, guard, report }
  const governor = createGovernor({ clock, log, nameOwner: parts.nameOwner })
  let own: OwnNode | undefined
  let publishedBefore: Ip | undefined
  let view: LeaseView | undefined

  const deviceSession = createRtnlSession({ ...common, open: parts.openRtnl, monitor: undefined })
  const peerSession = createRtnlSession({
    ...common,
    open: parts.openRtnl,
    monitor: {
      // Without a device, neighbours are nobody's business here.
      groups: ['link', 'address', ...(tunnels ? (['neighbour'] as const) : []), 'route', 'rule'],
      families: [family],
      // An address of the other family can name the interface, or take packets into our device.
      addressFamilies: FAMILIES,
      onNotifications: (list) => {
        for (const notification of list) guard(hearing.hear)(notification)
      },
    },
  })
  const ifname = carrierName(family, network.backend)
  const reports = createDeviceReports({ ...common, ifname, quarrelling: () => governor.quarrelling })
  const heals = createHeals({ ifname, clock, log })
  const runner = createDeviceRunner({
    ...common,
    settings: { family, network },
    knowledge: () => ({
      hint: own?.underlayHint[family],
      published: own?.published[family],
      publishedBefore,
      internalIp: own?.internalIps[family],
      isPublishedByOthers: (ip) => somePeer(view, family, (underlay) => underlay === ip),
      reachesPeers: (prefix) => somePeer(view, cidrFamily(prefix), (underlay) => contains(prefix, underlay)),
    }),
    session: deviceSession,
    checksum: async (underlay) => parts.checksum?.(underlay),
    governor,
    onState(from, to) {
      reports.changed(from, to)
      if (to.name === 'blind') heals.broke('gone', to.because, slugOf(to))
      // A look may see it before the news of it comes.
      else if (from.name === 'ready' && to.name === 'creating') heals.broke('gone', DELETED, 'device_deleted')
      else if (from.name === 'ready' && to.name !== 'ready' && to.name !== 'stopped')
        heals.broke('device', 'because' in to ? to.because : `it is ${to.name}`, slugOf(to))
      hearing.state(to)
      if (deviceOf(to) !== undefined && !sameDevice(deviceOf(from), deviceOf(to))) peers.mark()
      if (to.name === 'ready') announcer.carriedBy(to.underlay)
      else if (to.name === 'stranded') announcer.carriedBy(undefined)
      settle()
    },
  })
  const peers = createPeerReconciler({
    ...common,
    session: peerSession,
    view: () => view,
    device: () => deviceOf(runner.state),
    blackhole: () => (parts.blackhole ? own?.subnets[family] : undefined),
    rival: parts.rival,
    contestedStayMs: parts.contestedStayMs,
    governor,
    onDamage: (what, action) => heals.broke('entry', what(), action === 'set' ? 'entry_altered' : 'entry_deleted'),
    onWrote: heals.wrote,
    onRound: () => settle(),
    onUnheard: () => hearing.missed(),
  })
  const isProgrammed = (): boolean => runner.state.name === 'ready' && peers.programmed
  const settle = (): void => {
    heals.settle(runner.state.name === 'ready' && peers.whole)
    parts.onChange()
  }
  const announcer = createAnnouncer({ ...common, session: deviceSession })
  const way = createWayWatch({
    ...common,
    session: deviceSession,
    // What is being repaired says nothing about the way.
    carrying: () => (peers.calm ? carrying(runner.state, own?.subnets[family]) : undefined),
    passing: () => ['blind', 'creating', 'removing', 'repairing', 'ready'].includes(runner.state.name),
    stands: (node) => peers.stands(node),
    view: () => view,
    onChange: parts.onChange,
  })
  const hearing = createHearing({
    ...common,
    runner,
    peers,
    announcer,
    way,
    governor,
    subnet: () => own?.subnets[family],
    blackhole: parts.blackhole === true,
  })

  const audits = [
    every(
      clock,
      () => AUDIT_MS * (0.75 + Math.random() / 2),
      () => {
        runner.send({ type: 'disturbed' })
        peers.mark()
      },
    ),
    every(
      clock,
      () => SYSCTL_AUDIT_MS,
      () => {
        const { state } = runner
        const device = deviceOf(state)
        // What cannot be switched off is a flaw, and tried again with patience.
        if (!tunnels || device === undefined || ('flaw' in state && state.flaw !== undefined)) return
        sysctl.read(acceptRaKey(device.ifname)).then(
          guard((value) => {
            if (value !== undefined && value !== '0') runner.send({ type: 'disturbed' })
          }),
          () => undefined,
        )
      },
    ),
  ]
  // Opens the monitor; it reports itself as overrun, which starts the first observation.
  peerSession.use(async () => undefined).catch(() => undefined)

  return {
    family,
    get state() {
      return runner.state
    },
    get unready() {
      return deviceFault(runner.state) ?? tablesFault(peers) ?? way.stopped
    },
    get checks() {
      const device = deviceFault(runner.state)
      const tables = device ?? tablesFault(peers)
      return [
        { name: 'device', fault: device },
        { name: 'tables', fault: tables },
        { name: 'way', fault: tables ?? way.stopped },
      ]
    },
    get programmed() {
      return isProgrammed()
    },
    get cannot() {
      return runner.state.name === 'waiting' && runner.state.cannot
    },
    get own() {
      const { state } = runner
      return state.name === 'ready' ? { underlay: state.underlay, device: state.device } : undefined
    },
    get founded() {
      return runner.founded
    },
    heals,
    get tables() {
      return peers.tables
    },
    get fallen() {
      return peers.fallen
    },
    stands: (node) => peers.stands(node),
    // By a socket of its own: no repair waits for a look that somebody asked for.
    async compare() {
      const rtnl = parts.openRtnl()
      try {
        return await peers.compare(rtnl)
      } finally {
        await rtnl.close()
      }
    },
    compareDevice: () => runner.compare(),
    async isHere(ip) {
      if (ip === choice.publicIp[family]) return true
      const { value } = await deviceSession.use((rtnl) => rtnl.dumpAddresses())
      return value.some((address) => address.ip === ip)
    },
    setView(next) {
      view = next
      peers.markView()
    },
    setOwn(next, { lladdr, founded }) {
      // What is published later is our own doing.
      if (own === undefined && next !== undefined)
        publishedBefore = next.publishInstead[family] === undefined ? next.published[family] : undefined
      own = next
      if (founded !== undefined) runner.remember(founded)
      runner.send({ type: 'wanted', wanted: { subnet: next?.subnets[family], lladdr } })
    },
    async stop() {
      for (const audit of audits) audit.stop()
      runner.stop()
      announcer.stop()
      reports.stop()
      hearing.stop()
      await Promise.all([peers.stop(), way.stop()])
      containment.stop()
      standing.stop()
      await Promise.all([deviceSession.close(), peerSession.close()])
    },
  }
}

/** The device that entries can be programmed on, if any. */
export function deviceOf(state: DeviceState): Device | undefined {
  return state.name === 'ready' || state.name === 'stranded' ? state.device : undefined
}

function deviceFault(state: DeviceState): string | undefined {
  if (state.name === 'ready') return undefined
  return 'because' in state ? `${state.name} (${state.because})` : state.name
}

/** What a state that is not ready any more says of the damage. */
function slugOf(state: DeviceState): HealSlug {
  switch (state.name) {
    case 'blind':
      return state.because === DELETED ? 'device_deleted' : 'look_failed'
    case 'waiting':
    case 'stranded':
      return 'underlay_away'
    case 'blocked':
      return 'device_refused'
    case 'removing':
    case 'creating':
      return 'device_replaced'
    default:
      return 'device_changed'
  }
}

function tablesFault({ programmed, shadowed }: Pick<PeerReconciler, 'programmed' | 'shadowed'>): string | undefined {
  return programmed ? shadowed : 'its entries are to be written'
}

function sameDevice(a: Device | undefined, b: Device | undefined): boolean {
  return a !== undefined && b !== undefined && a.ifindex === b.ifindex && a.overlay === b.overlay
}

function carrying(state: DeviceState, subnet: Cidr | undefined) {
  return state.name !== 'ready' || subnet === undefined
    ? undefined
    : { device: state.device, underlay: state.underlay, subnet }
}

/** Asked when something is strange, not at every look: it may go through 100,000 peers. */
function somePeer(view: LeaseView | undefined, family: Family, test: (underlay: Ip) => boolean): boolean {
  for (const lease of view?.peers.values() ?? []) {
    const claim = lease[family]
    if (claim !== undefined && test(claim.underlay)) return true
  }
  return false
}

function every(clock: Clock, delayMs: () => number, work: () => void): { stop(): void } {
  let timer: Timer
  const arm = (): void => {
    timer = clock.after(delayMs(), () => {
      arm()
      work()
    })
  }
  arm()
  return { stop: () => timer.cancel() }
}
