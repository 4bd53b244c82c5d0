/**
 * Tells the link of the underlay, by gratuitous ARP or an unsolicited neighbour advertisement, that our address is at another
 * MAC than before: else peers and routers send to the old one until their entry times out (kernel-facts 7: 25 s and more).
 * Owns when, and how often. Must not: announce an address that this host does not hold as its underlay, or one that
 * somebody else moves about.
 */
import type { Ifindex } from '../net/ifindex.ts'
import { familyOf } from '../net/ip.ts'
import type { Link, Rtnl } from '../rtnl/port.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { Containment } from './containment.ts'
import type { Sysctl } from './device-ops.ts'
import type { RtnlSession } from './rtnl-session.ts'

/** Three times within a second, and again when spanning tree lets the port forward. */
const AT_MS = [0, 333, 667, 5000, 15_000, 35_000] as const
/** EVPN's duplicate detection acts at the fifth move of an address within 180 s (RFC 7432, 15.1). */
const MOVES = 4
const MOVES_WITHIN_MS = 180_000

export interface Announcer {
  /** What carries the overlay at this moment; undefined: nothing does. */
  carriedBy(underlay: Underlay | undefined): void
  /** The kernel told of this link. */
  link(action: 'set' | 'deleted', link: Link): void
  stop(): void
}

export function createAnnouncer(parts: {
  readonly session: RtnlSession
  readonly sysctl: Sysctl
  readonly clock: Clock
  readonly log: Log
  readonly report: Containment['report']
}): Announcer {
  const { clock, log } = parts
  /** As the others last heard of it, or saw it when we started. */
  let known: Underlay | undefined
  let stranded = false
  /** Links that were last heard of without carrier. */
  const dark = new Set<Ifindex>()
  let timers: readonly Timer[] = []
  let moves: readonly number[] = []
  let refused = false

  const series = (underlay: Underlay): void => {
    cancel()
    timers = AT_MS.map((ms, i) =>
      clock.after(ms, () => {
        // A session that has no socket: another look comes anyway.
        announce(underlay, i === AT_MS.length - 1).catch(parts.report)
      }),
    )
  }
  const cancel = (): void => {
    for (const timer of timers) timer.cancel()
    timers = []
  }
  const announce = async (underlay: Underlay, isLast: boolean): Promise<void> => {
    if (isLast) timers = []
    const error = await parts.session.use((rtnl) => announceOnce(rtnl, parts.sysctl, underlay))
    if (error === undefined || refused) return
    refused = true
    log.warn(
      'underlay.not-announced',
      `cannot announce ${underlay.local} on ${underlay.ifname}, so neighbours may send to its old MAC address for a while: ${messageOf(error)}`,
    )
  }
  /** Whether the others may hear of it: an address that moves all the time is a duplicate to them. */
  const mayMove = (underlay: Underlay): boolean => {
    moves = moves.filter((at) => clock.now() - at < MOVES_WITHIN_MS)
    if (moves.length >= MOVES) {
      log.info('underlay.moves', `${underlay.local} has moved ${MOVES} times in three minutes: not announced`)
      return false
    }
    moves = [...moves, clock.now()]
    return true
  }

  return {
    carriedBy(underlay) {
      if (underlay === undefined) {
        stranded ||= known !== undefined
        cancel()
        return
      }
      const before = known
      const back = stranded
      known = underlay
      stranded = false
      if (before === undefined || underlay.standsIn || underlay.lladdr === undefined) return
      const moved = before.lladdr !== underlay.lladdr || before.local !== underlay.local
      const other = moved || before.ifindex !== underlay.ifindex
      if ((!other && !back) || (moved && !mayMove(underlay))) return
      log.info('underlay.announcing', `announcing ${underlay.local} on ${underlay.ifname} at ${underlay.lladdr}`)
      series(underlay)
    },
    link(action, { ifindex, carrier }) {
      const rose = carrier && dark.delete(ifindex)
      if (action === 'deleted') dark.delete(ifindex)
      else if (!carrier) dark.add(ifindex)
      if (rose && ifindex === known?.ifindex && timers.length > 0) series(known)
    },
    stop: cancel,
  }
}

/** What the kernel said against it; undefined: it was sent, or the address is not there (gone, tentative, on another link). */
async function announceOnce(rtnl: Rtnl, sysctl: Sysctl, underlay: Underlay): Promise<unknown> {
  const { local: ip, ifindex, ifname, lladdr } = underlay
  const { value: addresses } = await rtnl.dumpAddresses(familyOf(ip))
  const held = addresses.find((address) => address.ip === ip && address.ifindex === ifindex)
  if (held === undefined || held.flags.dadFailed || lladdr === undefined) return undefined
  if (held.flags.tentative && !held.flags.optimistic) return undefined
  // Without the Router flag a host would take this one off its list of default routers (RFC 4861, 7.2.5).
  const router = (await sysctl.read(`net/ipv6/conf/${ifname}/forwarding`)) === '1'
  try {
    await rtnl.announceAddress({ ifindex, ip, lladdr, router, override: !held.flags.optimistic })
  } catch (error) {
    // A packet socket that this process may not open says nothing about the session's.
    return error
  }
  return undefined
}
