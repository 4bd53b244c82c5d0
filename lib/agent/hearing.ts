/**
 * Which notification of the kernel concerns whom in one family. Handlers only mark; reading packed bytes, since in a bulk
 * change of somebody else this runs once an entry. Must not: decide what follows from a mark.
 */

import { KIND_ROUTE, OFFSET_DST_LENGTH, OFFSET_KIND, RTPROT_KERNEL } from '../addon/abi.ts'
import { isVxlan, type Network, routesDirectly } from '../cluster/network.ts'
import { ifindexOf } from '../device/machine.ts'
import type { DeviceState } from '../device/types.ts'
import { carrierName } from '../device/vtep.ts'
import { type Cidr, contains, containsCidr, overlaps, prefixLength } from '../net/cidr.ts'
import { type Family, familyOf, type Ip, isLinkLocal } from '../net/ip.ts'
import { type EntryTable, entryBytes, ifindexOfEntry, unpackEntry } from '../rtnl/entries.ts'
import type { Link, Notification } from '../rtnl/port.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { unreachable } from '../util/unreachable.ts'
import type { Announcer } from './announcer.ts'
import type { DeviceRunner } from './device-runner.ts'
import type { Governor } from './governor.ts'
import type { PeerReconciler } from './peer-reconciler.ts'
import type { WayWatch } from './way-watch.ts'

/** Changes of routes and rules by which an interface was chosen (--iface-can-reach) are looked at together. */
const SOON_MS = 50

export interface Hearing {
  hear(notification: Notification): void
  /** Routes and rules may have changed unheard. */
  missed(): void
  /** The device machine's state has changed. */
  state(state: DeviceState): void
  stop(): void
}

export function createHearing(parts: {
  readonly family: Family
  readonly network: Network
  readonly choice: UnderlayChoice
  readonly runner: DeviceRunner
  readonly peers: PeerReconciler
  readonly announcer: Announcer
  readonly way: WayWatch
  readonly governor: Governor
  /** Our own podCIDR. */
  readonly subnet: () => Cidr | undefined
  /** It has a blackhole route of ours. */
  readonly blackhole: boolean
  readonly clock: Clock
  readonly log: Log
}): Hearing {
  const { family, network, choice, runner, peers, announcer, way, governor, clock, log } = parts
  const ours = carrierName(family, network.backend)
  /** Direct routes hang on any link and route of the host: each of them may change which peers are on-link. */
  const direct = routesDirectly(network.backend)
  const hasDevice = isVxlan(network)
  /** What carried the overlay last, also while it is away. */
  let underlay: Underlay | undefined
  let soon: Timer | undefined
  const disturb = (): void => runner.send({ type: 'disturbed' })

  const hearLink = (action: 'set' | 'deleted', link: Link): void => {
    const { state } = runner
    const { ifindex, ifname } = link
    announcer.link(action, link)
    way.mark()
    if (ifindex === ifindexOf(state)) {
      governor.stranger(0)
      if (action === 'deleted') runner.send({ type: 'gone', ifindex })
      else disturb()
      // What a link that went down and up again has lost is not announced (kernel-facts 2).
      peers.mark()
      if (hasDevice) return
    }
    if (isUnderlays(link) && (action === 'deleted' || ifindex !== underlay?.ifindex)) runner.hurry()
    // While the device is ready, other links come and go with every pod; before, any may be what is waited for.
    if (state.name !== 'ready' || isUnderlays(link) || ifname === ours) disturb()
    // The IPv4 routes that go with it, which may have won over ours, are not announced (kernel-facts 2).
    if (direct || peers.shadowed !== undefined) peers.markHost()
  }
  const isUnderlays = ({ ifindex, ifname }: Link): boolean =>
    underlay !== undefined && (ifindex === underlay.ifindex || ifname === underlay.ifname)

  const hearAddress = (ifindex: number, ip: Ip): void => {
    if (hasDevice && ifindex === ifindexOf(runner.state)) {
      disturb()
      peers.mark()
      return
    }
    if (ip === underlay?.local) runner.hurry()
    if (mayBeUnderlay(ip, network[family])) {
      disturb()
      way.mark()
    }
    peers.tryAgain()
    if (peers.shadowed !== undefined) peers.markHost()
  }

  const hearEntries = (action: 'set' | 'deleted', entries: EntryTable, portId: number): void => {
    const bytes = entryBytes(entries, 0)
    const isRoute = bytes[OFFSET_KIND] === KIND_ROUTE
    const onDevice = hasDevice && ifindexOfEntry(bytes) === ifindexOf(runner.state)
    if (onDevice || (isRoute && concernsPeers(entries, network[family], parts))) {
      governor.stranger(portId)
      peers.hear(action, entries)
    } else if (isRoute && direct) peers.markHost()
    if (!isRoute) return
    way.mark()
    if (choice.canReach !== undefined) disturbSoon()
    else if (bytes[OFFSET_DST_LENGTH] === 0) disturb()
  }
  const missed = (): void => {
    disturb()
    way.mark()
  }
  const disturbSoon = (): void => {
    soon ??= clock.after(SOON_MS, () => {
      soon = undefined
      disturb()
    })
  }

  return {
    hear(notification) {
      switch (notification.type) {
        case 'link':
          hearLink(notification.action, notification.link)
          return
        case 'address':
          hearAddress(notification.address.ifindex, notification.address.ip)
          return
        case 'entry':
          hearEntries(notification.action, notification.entry, notification.pid)
          return
        case 'rule':
          way.mark()
          if (choice.canReach !== undefined) disturbSoon()
          return
        case 'overrun':
          log.debug('monitor.overrun', notification.unreadable ?? 'notifications were lost, or none were heard before')
          missed()
          peers.markUnheard()
          return
        case 'closed':
          return
        default:
          unreachable(notification)
      }
    },
    missed,
    state(state) {
      if (state.name === 'ready') underlay = state.underlay
    },
    stop: () => soon?.cancel(),
  }
}

/** Any address outside the overlay may be one that the choice prefers; pods' links bring link-local ones all the time. */
function mayBeUnderlay(ip: Ip, network: Cidr | undefined): boolean {
  return (
    !(familyOf(ip) === 'ipv6' && isLinkLocal(ip)) &&
    !(network !== undefined && prefixLength(network) > 0 && contains(network, ip))
  )
}

/**
 * A route that may stand in the way of a peer's: inside the network, or around it, and not among our own pods; but for the
 * place of our blackhole route, which is that of the connected route of the pods' bridge too.
 */
function concernsPeers(
  table: EntryTable,
  network: Cidr | undefined,
  own: { readonly subnet: () => Cidr | undefined; readonly blackhole: boolean },
): boolean {
  const route = unpackEntry(table, 0)
  if (route.kind !== 'route' || network === undefined || !overlaps(network, route.dst)) return false
  const subnet = own.subnet()
  if (own.blackhole && route.dst === subnet && route.protocol !== RTPROT_KERNEL) return true
  return subnet === undefined || !containsCidr(subnet, route.dst)
}
