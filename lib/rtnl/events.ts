/**
 * What the addon's monitor delivers, event records back to back (abi.ts), as notifications. What cannot be read is an
 * overrun: only a dump tells. Must not: filter, merge or throw.
 */
import * as abi from '../addon/abi.ts'
import { errnoName } from '../addon/errno.ts'
import { getUint32, viewOf } from '../addon/host-order.ts'
import { decodeAddress, decodeLink } from './decode-records.ts'
import { isEntry } from './entry-codec.ts'
import type { Notification } from './port.ts'

const RECORD_BYTES: ReadonlyMap<number, number> = new Map([
  [abi.EVENT_LINK, abi.LINK_BYTES],
  [abi.EVENT_ADDRESS, abi.ADDRESS_BYTES],
  [abi.EVENT_ENTRY, abi.ENTRY_BYTES],
  [abi.EVENT_OVERRUN, 0],
  [abi.EVENT_CLOSED, 0],
  [abi.EVENT_RULE, 0],
])

/** Oldest first. An entry's bytes are a view into `bytes`. Behind what is no event nothing more can be found. */
export function decodeEvents(bytes: Uint8Array): Notification[] {
  const view = viewOf(bytes)
  const notifications: Notification[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + abi.EVENT_HEADER_BYTES
    const type = bytes[at + abi.EVENT_TYPE] ?? 0
    const size = RECORD_BYTES.get(type)
    if (size === undefined || start + size > bytes.length) {
      notifications.push({ type: 'overrun', unreadable: `${bytes.length} bytes of events with none at ${at}` })
      break
    }
    const action = bytes[at + abi.EVENT_ACTION] === abi.ACTION_DELETED ? 'deleted' : 'set'
    const value = getUint32(view, at + abi.EVENT_VALUE)
    const read = notificationOf(type, action, value, bytes.subarray(start, start + size))
    notifications.push(read ?? { type: 'overrun', unreadable: `the record of an event of type ${type}` })
    at = start + size
  }
  return notifications
}

function notificationOf(
  type: number,
  action: 'set' | 'deleted',
  value: number,
  record: Uint8Array,
): Notification | undefined {
  switch (type) {
    case abi.EVENT_LINK: {
      const link = decodeLink(record)
      return link && { type: 'link', action, link, pid: value }
    }
    case abi.EVENT_ADDRESS: {
      const address = decodeAddress(record)
      return address && { type: 'address', action, address, pid: value }
    }
    case abi.EVENT_ENTRY:
      return isEntry(record, 0) ? { type: 'entry', action, entry: { bytes: record, length: 1 }, pid: value } : undefined
    case abi.EVENT_RULE:
      return { type: 'rule', action, pid: value }
    case abi.EVENT_OVERRUN:
      return value === 0 ? { type: 'overrun' } : { type: 'overrun', unreadable: unreadableMessage(value) }
    default:
      return { type: 'closed', errno: value, errnoName: errnoName(value) }
  }
}

function unreadableMessage(type: number): string {
  return type === abi.BROKEN_FRAME ? 'a datagram that does not hold whole messages' : `a message of type ${type}`
}
