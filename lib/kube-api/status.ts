/**
 * `Status`, the object by which the API server refuses and ends a watch, in either encoding; and the envelope that any object
 * has in protobuf. Must not: know any other object.
 */
import { member } from '../util/go-json.ts'
import { type Cursor, enter, nextField, openMessage, seekBytes, textOf, WireFault } from './proto-reader.ts'

/** What a Status says; what it lacks is 0 or ''. */
export interface StatusWords {
  readonly status: number
  readonly reason: string
}

/** Content-Type of answers in protobuf. */
export const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** The body of an answer that is a Status; throws Error where it is none. */
export function readStatus(contentType: string | undefined, body: Uint8Array): StatusWords {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (contentType?.startsWith(PROTOBUF) !== true) return statusOfJson(JSON.parse(bytes.toString('utf8')))
  const cursor = openMessage(bytes)
  enterObject(cursor)
  return statusOfProtobuf(cursor)
}

export function statusOfJson(status: unknown): StatusWords {
  const code = member(status, 'code')
  const words = [member(status, 'reason'), member(status, 'message')]
  return {
    status: typeof code === 'number' ? code : 0,
    reason: words.filter((word) => typeof word === 'string' && word !== '').join(': '),
  }
}

const STATUS = { message: 3, reason: 4, code: 6 }

/** `cursor` stands at the beginning of the Status itself. Throws WireFault. */
export function statusOfProtobuf(cursor: Cursor): StatusWords {
  let code = 0
  let reason = ''
  let message = ''
  while (nextField(cursor)) {
    if (cursor.field === STATUS.code && cursor.type === 'varint') code = cursor.value
    else if (cursor.type !== 'bytes') continue
    else if (cursor.field === STATUS.reason) reason = textOf(cursor)
    else if (cursor.field === STATUS.message) message = textOf(cursor)
  }
  return { status: code, reason: [reason, message].filter((word) => word !== '').join(': ') }
}

/** `k8s` and a zero byte. */
const MAGIC = 0x6b387300
const MAGIC_BYTES = 4
/** Field of runtime.Unknown that holds the object. */
const RAW = 2

/** From before `k8s` into the object inside runtime.Unknown; nothing behind it is wanted. Throws WireFault. */
export function enterObject(cursor: Cursor): void {
  const { bytes, at, end } = cursor
  if (end - at < MAGIC_BYTES || bytes.readUInt32BE(at) !== MAGIC)
    throw new WireFault('an object that does not begin with k8s')
  cursor.at += MAGIC_BYTES
  // An object whose fields are all empty has no bytes, and Go leaves such a field out: then this is its end, too.
  if (seekBytes(cursor, RAW)) enter(cursor)
}
