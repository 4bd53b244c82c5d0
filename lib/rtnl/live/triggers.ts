/**
 * What the kernel does to routes and neighbours without telling of each: it follows from a link, an address or a nexthop object, which
 * is told. Measured on 6.18: a link that goes down or away takes its IPv4 routes in silence, an address those of both families that
 * name it as their source, a nexthop object the IPv4 ones that use it; and a link's flags stand in the routes over it. The message
 * comes first, the routes go afterwards.
 * Owns the link's state that was heard last, since a link is told of for many reasons.
 */

import { getUint32, viewOf } from '../../addon/host-order.ts'
import type { NetlinkMessage } from '../../netlink/message.ts'
import type { Hint } from './table-body.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
const RTM_DELADDR = 21
const RTM_NEWNEXTHOP = 104
const RTM_DELNEXTHOP = 105

/** struct ifinfomsg. */
const IFINFOMSG_BYTES = 16
const IFINDEX = 4
const FLAGS = 8

/** Reads messages of all groups that a table is subscribed to beside its own. */
export function createTriggers(): (message: NetlinkMessage) => Hint {
  const flagsOf = new Map<number, number>()
  const hearLink = ({ type, payload }: NetlinkMessage): Hint => {
    // Of a family they are a bridge's ports or a link's settings.
    if (payload.length < IFINFOMSG_BYTES || payload[0] !== 0) return 'nothing'
    const view = viewOf(payload)
    const ifindex = getUint32(view, IFINDEX)
    const flags = getUint32(view, FLAGS)
    const before = flagsOf.get(ifindex)
    if (type === RTM_DELLINK) flagsOf.delete(ifindex)
    else flagsOf.set(ifindex, flags)
    return type === RTM_NEWLINK && before === flags ? 'nothing' : 'dump-behind-barrier'
  }
  return (message) => {
    switch (message.type) {
      case RTM_NEWLINK:
      case RTM_DELLINK:
        return hearLink(message)
      case RTM_DELADDR:
      case RTM_NEWNEXTHOP:
      case RTM_DELNEXTHOP:
        return 'dump-behind-barrier'
      default:
        return 'nothing'
    }
  }
}
