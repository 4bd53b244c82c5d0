/**
 * Protocol Buffers' wire format, read field by field: what is not wanted is passed over by its length, nothing is built.
 * Must not: read outside the bounds of a message, or know any message.
 *
 * Own, because a Node of 10 KB has some 600 fields of which we want a dozen, and every length has to be checked against
 * the message around it.
 */

/** The bytes are no Protocol Buffers message. Stays inside lib/leases: a decoder makes a KubeError of it. */
export class WireFault extends Error {}

/**
 * A place in a message, and the field that was met there last; `nextField` moves it, `enter` and `leave` go down into the
 * field's message and up again. One object serves a whole stream. What the field's wire type does not have is left over.
 */
export interface Cursor {
  bytes: Buffer
  at: number
  /** Of the message that is read now. */
  end: number
  field: number
  type: WireType
  /** Of a `bytes` field: from `start` to before `stop`. */
  start: number
  stop: number
  /** Of a `varint` field: exact up to 2^53; a negative one is a number above 2^63. */
  value: number
}

export type WireType = 'varint' | 'bytes' | 'other'

/** A message that is these bytes. */
export function openMessage(bytes: Buffer, start = 0, end = bytes.length): Cursor {
  return { bytes, at: start, end, field: 0, type: 'other', start, stop: start, value: 0 }
}

/** The same cursor at the beginning of another message. */
export function reopen(cursor: Cursor, bytes: Buffer, start: number, end: number): void {
  cursor.bytes = bytes
  cursor.at = start
  cursor.end = end
}

/** Goes down into the field on which the cursor stands; the result is what `leave` needs to come back behind it. */
export function enter(cursor: Cursor): number {
  const outerEnd = cursor.end
  cursor.at = cursor.start
  cursor.end = cursor.stop
  return outerEnd
}

/** What was not read of the inner message is passed over. */
export function leave(cursor: Cursor, outerEnd: number): void {
  cursor.at = cursor.end
  cursor.end = outerEnd
}

/** Moves to the next field; false at the end of the message. Throws WireFault. */
export function nextField(cursor: Cursor): boolean {
  if (cursor.at >= cursor.end) return false
  const tag = readVarint(cursor)
  cursor.field = Math.floor(tag / 8)
  if (cursor.field === 0) throw new WireFault('field number 0')
  switch (tag % 8) {
    case 0:
      cursor.type = 'varint'
      cursor.value = readVarint(cursor)
      return true
    case 1:
      cursor.type = 'other'
      skip(cursor, 8)
      return true
    case 2: {
      cursor.type = 'bytes'
      const length = readVarint(cursor)
      cursor.start = cursor.at
      skip(cursor, length)
      cursor.stop = cursor.at
      return true
    }
    case 5:
      cursor.type = 'other'
      skip(cursor, 4)
      return true
    default:
      // 3 and 4 were groups, which nobody writes; 6 and 7 never were anything.
      throw new WireFault(`wire type ${tag % 8}`)
  }
}

/** Moves to the next field that is `wanted` and holds bytes. */
export function seekBytes(cursor: Cursor, wanted: number): boolean {
  while (nextField(cursor)) if (cursor.field === wanted && cursor.type === 'bytes') return true
  return false
}

/** The field on which `cursor` stands, as text; bytes that are not UTF-8 are replaced as JSON's readers do. */
export function textOf(cursor: Cursor): string {
  return cursor.bytes.toString('utf8', cursor.start, cursor.stop)
}

/** Whether the field on which `cursor` stands is exactly `text`. */
export function fieldEquals(cursor: Cursor, text: Buffer): boolean {
  if (cursor.stop - cursor.start !== text.length) return false
  // From the end: keys of one owner differ there.
  for (let i = text.length - 1; i >= 0; i -= 1) if (cursor.bytes[cursor.start + i] !== text[i]) return false
  return true
}

function skip(cursor: Cursor, length: number): void {
  if (length > cursor.end - cursor.at) throw new WireFault(`${length} bytes announced, ${cursor.end - cursor.at} left`)
  cursor.at += length
}

/** At most ten bytes of seven bits, the lowest first. */
function readVarint(cursor: Cursor): number {
  let value = 0
  let scale = 1
  for (let i = 0; i < 10; i += 1) {
    if (cursor.at >= cursor.end) break
    const byte = cursor.bytes[cursor.at] ?? 0
    cursor.at += 1
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value
    scale *= 0x80
  }
  throw new WireFault('a number without an end')
}
