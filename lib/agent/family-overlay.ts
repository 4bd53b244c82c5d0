/**
 * Everything of one address family: its device machine, its peer reconciler, their two sockets and the monitor. Two
 * families are two of these and share nothing, so neither can delay the other.
 * Owns which notification concerns whom. Must not: decide about devices or entries, nor know the lease source.
 */

import type { OwnNode } from '../cluster/lease.ts'
import type { Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { type Cidr, contains, overlaps, prefixLength } from '../net/cidr.ts'
import { type Family, familyOf, type Ip, isLinkLocal } from '../net/ip.ts'
import { ifindexOf } from '../overlay/device-machine/machine.ts'
import type { Device, DeviceState, Wanted } from '../overlay/device-machine/types.ts'
import { deviceName } from '../overlay/vtep.ts'
import { KIND_ROUTE, OFFSET_DST_LENGTH, OFFSET_KIND } from '../rtnl/abi.ts'
import { type EntryTable, entryBytes, ifindexOfEntry, unpackEntry } from '../rtnl/entries.ts'
import type { Notification, Rtnl } from '../rtnl/port.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { unreachable } from '../util/unreachable.ts'
import { acceptRaKey, createDeviceRunner, type Sysctl } from './device-runner.ts'
import { createPeerReconciler } from './peer-reconciler.ts'
import { createQuarrelReport } from './quarrel-report.ts'
import { createRtnlSession } from './rtnl-session.ts'

/** The whole of it is looked at this often even when nothing was heard (design decision 5), milliseconds, jittered. */
const AUDIT_MS = 60_000

/** Sysctls are announced nowhere (kernel-facts 2), and are one small file to read. */
const SYSCTL_AUDIT_MS = 1000

export interface FamilyOverlay {
  readonly family: Family
  readonly state: DeviceState
  /** The device stands, and the last round left nothing to do and no failed peer. */
  readonly ready: boolean
  /** What the lease says once the device is ready: the address before any overwrite, and the device's lladdr. */
  readonly own: { readonly underlay: Underlay; readonly device: Device } | undefined
  /** Peers to program; may be called at any time. */
  setView(view: LeaseView): void
  /** What the lease source knows of us; `lladdr` has been saved before. */
  setOwn(own: OwnNode | undefined, lladdr: Wanted['lladdr']): void
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
  readonly clock: Clock
  readonly log: Log
  /** State, readiness or own lease changed. */
  readonly onChange: () => void
}

export function createFamilyOverlay(parts: FamilyOverlayParts): FamilyOverlay {
  const { family, network, clock } = parts
  const log = parts.log.with({ family })
  let own: OwnNode | undefined
  let underlayLogged = ''
  let view: LeaseView | undefined
  let audit: Timer | undefined
  let sysctlAudit: Timer | undefined
  /** Direct routes hang on any link, address or route of the host: each of them may change which peers are on-link. */
  const direct = network.backend.directRouting
  const quarrel = createQuarrelReport(log, parts.nameOwner)

  const deviceSession = createRtnlSession({ open: parts.openRtnl, monitor: undefined, log, clock })
  const peerSession = createRtnlSession({
    open: parts.openRtnl,
    monitor: {
      groups: ['link', 'address', 'neighbour', 'route'],
      families: [family],
      onNotifications: (list) => {
        for (const notification of list) hear(notification)
      },
    },
    log,
    clock,
  })
  const runner = createDeviceRunner({
    settings: { family, network },
    choice: parts.choice,
    hint: (): Ip | undefined => own?.underlayHint[family],
    session: deviceSession,
    sysctl: parts.sysctl,
    clock,
    log,
    onState(from, to) {
      underlayLogged = logUnderlay(log, to, underlayLogged)
      if (deviceOf(to) !== undefined && !sameDevice(deviceOf(from), deviceOf(to))) peers.mark()
      parts.onChange()
    },
    onQuarrel: (what) => quarrel.report(what),
  })
  const peers = createPeerReconciler({
    family,
    network,
    session: peerSession,
    view: () => view,
    device: () => deviceOf(runner.state),
    clock,
    log,
    onRound: parts.onChange,
    onQuarrel: ({ entry }) => quarrel.report(entry),
  })
  const disturb = (): void => runner.send({ type: 'disturbed' })

  const hear = (notification: Notification): void => {
    const state = runner.state
    const device = ifindexOf(state)
    switch (notification.type) {
      case 'link': {
        const { ifindex } = notification.link
        if (ifindex === device) quarrel.stranger(notification.pid)
        else runner.hurry()
        if (ifindex === device && notification.action === 'deleted') runner.send({ type: 'gone', ifindex })
        else if (concernsLink(state, notification.link.ifname, ifindex, deviceName(family, network.backend.vni)))
          disturb()
        // What a link that went down and up again has lost is not announced (kernel-facts 2).
        if (ifindex === device || direct) peers.mark()
        return
      }
      case 'address': {
        const { ifindex, ip } = notification.address
        if (ifindex !== device) runner.hurry()
        if (ifindex === device || mayBeUnderlay(ip, network[family])) disturb()
        if (ifindex === device || direct) peers.mark()
        else peers.tryAgain()
        return
      }
      case 'entry':
        if (direct || concernsPeers(notification.entry, device, network[family])) {
          quarrel.stranger(notification.pid)
          peers.hear(notification.action, notification.entry)
        }
        if (hasDefaultRoute(notification.entry)) disturb()
        return
      case 'overrun':
        log.debug('monitor.overrun', 'notifications were lost or none were heard before: looking at everything')
        disturb()
        peers.mark()
        return
      case 'rule':
      case 'closed':
        return
      default:
        unreachable(notification)
    }
  }

  const auditSoon = (): void => {
    audit = clock.after(AUDIT_MS * (0.75 + Math.random() / 2), () => {
      disturb()
      peers.mark()
      auditSoon()
    })
  }
  const auditSysctl = (): void => {
    sysctlAudit = clock.after(SYSCTL_AUDIT_MS, () => {
      const device = deviceOf(runner.state)
      const read = device === undefined ? undefined : parts.sysctl.read(acceptRaKey(device.ifname))
      read?.then(
        (value) => {
          if (value !== undefined && value !== '0') disturb()
        },
        () => undefined,
      )
      auditSysctl()
    })
  }
  auditSoon()
  auditSysctl()
  // Opens the monitor; it reports itself as overrun, which starts the first observation.
  peerSession.use(async () => undefined).catch((error) => log.warn('rtnl.lost', String(error), { error }))

  return {
    family,
    get state() {
      return runner.state
    },
    get ready() {
      return runner.state.name === 'ready' && peers.settled
    },
    get own() {
      const { state } = runner
      return state.name === 'ready' ? { underlay: state.underlay, device: state.device } : undefined
    },
    setView(next) {
      view = next
      peers.markView()
    },
    setOwn(next, lladdr) {
      own = next
      runner.send({ type: 'wanted', wanted: { subnet: next?.subnets[family], lladdr } })
    },
    async stop() {
      audit?.cancel()
      sysctlAudit?.cancel()
      runner.stop()
      await peers.stop()
      await Promise.all([deviceSession.close(), peerSession.close()])
    },
  }
}

/** The device that entries can be programmed on, if any. */
export function deviceOf(state: DeviceState): Device | undefined {
  return state.name === 'ready' || state.name === 'stranded' ? state.device : undefined
}

function sameDevice(a: Device | undefined, b: Device | undefined): boolean {
  return a !== undefined && b !== undefined && a.ifindex === b.ifindex && a.overlay === b.overlay
}

/** While the device is ready, other links come and go with every pod; before, any of them may be what is waited for. */
function concernsLink(state: DeviceState, ifname: string, ifindex: number, ours: string): boolean {
  if (state.name !== 'ready') return true
  return ifindex === state.device.ifindex || ifindex === state.underlay.ifindex || ifname === ours
}

/** Any address outside the overlay may be one that the choice prefers; pods' links bring link-local ones all the time. */
function mayBeUnderlay(ip: Ip, network: Cidr | undefined): boolean {
  return (
    !(familyOf(ip) === 'ipv6' && isLinkLocal(ip)) &&
    !(network !== undefined && prefixLength(network) > 0 && contains(network, ip))
  )
}

/** Reads the packed bytes: in a bulk change of somebody else this runs once an entry. */
function concernsPeers(table: EntryTable, device: number | undefined, network: Cidr | undefined): boolean {
  for (let i = 0; i < table.length; i += 1) {
    const bytes = entryBytes(table, i)
    if (device !== undefined && ifindexOfEntry(bytes) === device) return true
    if (bytes[OFFSET_KIND] !== KIND_ROUTE || network === undefined) continue
    const route = unpackEntry(table, i)
    if (route.kind === 'route' && overlaps(network, route.dst)) return true
  }
  return false
}

function hasDefaultRoute(table: EntryTable): boolean {
  for (let i = 0; i < table.length; i += 1) {
    const bytes = entryBytes(table, i)
    if (bytes[OFFSET_KIND] === KIND_ROUTE && bytes[OFFSET_DST_LENGTH] === 0) return true
  }
  return false
}

/** One line when the underlay is chosen, changes, or is missing. Returns what was said last. */
function logUnderlay(log: Log, state: DeviceState, last: string): string {
  if (state.name === 'ready') {
    const { ifname, local, publicIp, mtu } = state.underlay
    const text = `Using interface with name ${ifname} and address ${local}`
    if (text !== last) log.info('underlay.chosen', text, { ifname, local, publicIp, mtu })
    return text
  }
  if (state.name !== 'waiting' && state.name !== 'stranded') return last
  if (state.because !== last) log.info('underlay.waiting', `waiting: ${state.because}`, { because: state.because })
  return state.because
}
