/** What the addon's monitor delivers, event records back to back (abi.ts), as notifications. Must not: filter or merge. */
import { NetlinkProtocolError } from '../errors.ts'
import * as abi from './abi.ts'
import { errnoName } from './errno.ts'
import type { Notification } from './port.ts'
import { decodeAddress, decodeLink } from './records.ts'

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

const RECORD_BYTES: ReadonlyMap<number, number> = new Map([
  [abi.EVENT_LINK, abi.LINK_BYTES],
  [abi.EVENT_ADDRESS, abi.ADDRESS_BYTES],
  [abi.EVENT_ENTRY, abi.ENTRY_BYTES],
  [abi.EVENT_OVERRUN, 0],
  [abi.EVENT_CLOSED, 0],
])

/** Oldest first. An entry's bytes are a view into `bytes`. Throws NetlinkProtocolError when `bytes` are no events. */
export function decodeEvents(bytes: Uint8Array): Notification[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const notifications: Notification[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + abi.EVENT_HEADER_BYTES
    const type = bytes[at + abi.EVENT_TYPE] ?? 0
    const size = RECORD_BYTES.get(type)
    if (size === undefined || start + size > bytes.length)
      throw new NetlinkProtocolError(`the monitor delivered ${bytes.length} bytes with no event at ${at}`)
    const action = bytes[at + abi.EVENT_ACTION] === abi.ACTION_DELETED ? 'deleted' : 'set'
    const value = view.getUint32(at + abi.EVENT_VALUE, LITTLE_ENDIAN)
    notifications.push(notificationOf(type, action, value, bytes.subarray(start, start + size)))
    at = start + size
  }
  return notifications
}

function notificationOf(type: number, action: 'set' | 'deleted', value: number, record: Uint8Array): Notification {
  switch (type) {
    case abi.EVENT_LINK:
      return { type: 'link', action, link: decodeLink(record), pid: value }
    case abi.EVENT_ADDRESS:
      return { type: 'address', action, address: decodeAddress(record), pid: value }
    case abi.EVENT_ENTRY:
      return { type: 'entry', action, entry: { bytes: record, length: 1 }, pid: value }
    case abi.EVENT_OVERRUN:
      return { type: 'overrun' }
    default:
      return { type: 'closed', errno: value, errnoName: errnoName(value) }
  }
}
