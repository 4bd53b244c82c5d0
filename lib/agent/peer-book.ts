/**
 * What the tables of one family should be on one device, and what that says of an entry that the kernel announced. Pure.
 * Must not: read the kernel, nor decide when it is looked at.
 */

import { KIND_ROUTE, OFFSET_KIND } from '../addon/abi.ts'
import type { LeaseView } from '../cluster/view.ts'
import type { Device } from '../device/types.ts'
import type { Cidr } from '../net/cidr.ts'
import type { DesiredBook } from '../overlay/desired-book.ts'
import { ifindexOfEntry } from '../rtnl/entries.ts'

export interface PeerBook {
  readonly desired: DesiredBook
  /** Nodes whose claim is not programmed, as another has what it claims. */
  readonly lost: ReadonlySet<string>
  readonly device: Device
  /** Of the direct routes that it was made with. */
  readonly direct: string
  readonly blackhole: Cidr | undefined
}

/** The book is of this very link, with this link-layer address. */
export function isOn(book: PeerBook | undefined, { ifindex, lladdr }: Device): book is PeerBook {
  return book?.device.ifindex === ifindex && book.device.lladdr === lladdr
}

/** It need not be packed anew. */
export function isFor(
  book: PeerBook | undefined,
  view: LeaseView,
  { device, direct, blackhole }: Pick<PeerBook, 'device' | 'direct' | 'blackhole'>,
): book is PeerBook {
  if (!isOn(book, device) || book.desired.view !== view.peers) return false
  if (book.direct !== direct || book.blackhole !== blackhole) return false
  // A book that has noted changes has stale packed tables: a full round packs them anew.
  return !book.desired.noted
}

/** Of another link, and at none of our keys: all that it can do is to win over one of our routes. */
export function isOfOthers({ desired, device }: PeerBook, bytes: Uint8Array): boolean {
  return ifindexOfEntry(bytes) !== device.ifindex && !desired.wants(bytes)
}

/**
 * An entry that is set as it should be, or the end of one of our device that nobody wants, is our own doing (FDB
 * notifications do not say whose) or right whoever did it. A direct route that is set may win over another: look.
 */
export function isAsDesired({ desired, device }: PeerBook, action: 'set' | 'deleted', bytes: Uint8Array): boolean {
  if (action === 'set') return ifindexOfEntry(bytes) === device.ifindex && desired.agrees(bytes)
  return bytes[OFFSET_KIND] !== KIND_ROUTE && !desired.wants(bytes)
}
