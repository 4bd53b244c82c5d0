/**
 * Nodes as Protocol Buffers: objects and lists stand in an envelope behind `k8s` and a zero byte, events of a watch in frames of
 * four bytes of length. Must not: write into a body; it is shared.
 */
import { parseBody } from './objects.ts'
import { bytesHeader, type Encoded, encodeMessage } from './proto-encode.ts'
import { LIST_META, NODE, STATUS, TYPE_META } from './proto-schema.ts'
import { bookmarkMetadata, inPieces, METADATA, type Naming, type Representation, WHOLE } from './representation.ts'
import type { Status } from './status.ts'
import type { Change, Entry } from './store.ts'

export const PROTOBUF = 'application/vnd.kubernetes.protobuf'

const MAGIC = Buffer.from('k8s\0')
// The last two fields of every envelope, contentEncoding and contentType: empty, but written.
const ENVELOPE_END = Buffer.of(0x1a, 0, 0x22, 0)
const ENVELOPE = { typeMeta: 1, raw: 2 } as const
const EVENT = { type: 1, object: 2, raw: 1 } as const
const LIST = { metadata: 1, items: 2 } as const

export const wholeAsProtobuf: Representation = represent(WHOLE, (entry) => encodedNode(entry).bytes)

export const metadataAsProtobuf: Representation = represent(METADATA, (entry) => {
  const { bytes, firstFieldLength } = encodedNode(entry)
  return bytes.subarray(0, firstFieldLength)
})

/** The body of a refusal. */
export function statusAsProtobuf(status: Status): Buffer {
  return Buffer.concat(
    inEnvelope(typeMeta({ kind: 'Status', apiVersion: 'v1' }), [encodeMessage(STATUS, status).bytes]),
  )
}

function represent(naming: Naming, bodyOf: (entry: Entry) => Buffer): Representation {
  const single = typeMeta(naming)
  const many = typeMeta({ ...naming, kind: `${naming.kind}List` })
  return {
    type: PROTOBUF,
    watchType: `${PROTOBUF};stream=watch`,
    object: (entry) => Buffer.concat(inEnvelope(single, [bodyOf(entry)])),
    list(metadata, page) {
      const meta = encodeMessage(LIST_META, metadata).bytes
      const parts = [bytesHeader(LIST.metadata, meta.length), meta]
      for (const entry of page) {
        const body = bodyOf(entry)
        parts.push(bytesHeader(LIST.items, body.length), body)
      }
      return inPieces(inEnvelope(many, parts))
    },
    event: (type, entry) => frame(type, inEnvelope(single, [bodyOf(entry)])),
    bookmark(revision, endOfInitial) {
      const { bytes } = encodeMessage(NODE, { metadata: bookmarkMetadata(revision, endOfInitial) })
      return Buffer.concat(frame('BOOKMARK', inEnvelope(single, [bytes])))
    },
    error: (status) => Buffer.concat(frame('ERROR', [statusAsProtobuf(status)])),
  }
}

/** Once a version of a Node. */
function encodedNode(entry: Entry): Encoded {
  entry.protobuf ??= encodeMessage(NODE, parseBody(entry.body))
  return entry.protobuf
}

function typeMeta(naming: Naming): Buffer {
  const { bytes } = encodeMessage(TYPE_META, naming)
  return Buffer.concat([MAGIC, bytesHeader(ENVELOPE.typeMeta, bytes.length), bytes])
}

function inEnvelope(head: Buffer, object: readonly Buffer[]): Buffer[] {
  return [head, bytesHeader(ENVELOPE.raw, lengthOf(object)), ...object, ENVELOPE_END]
}

function frame(type: Change['type'] | 'BOOKMARK' | 'ERROR', object: readonly Buffer[]): Buffer[] {
  const raw = bytesHeader(EVENT.raw, lengthOf(object))
  const wrapped = bytesHeader(EVENT.object, raw.length + lengthOf(object))
  const length = Buffer.allocUnsafe(4)
  const parts = [TYPES[type], wrapped, raw, ...object]
  length.writeUInt32BE(lengthOf(parts))
  return [length, ...parts]
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function typeField(type: string): Buffer {
  return Buffer.concat([bytesHeader(EVENT.type, type.length), Buffer.from(type)])
}

const TYPES = {
  ADDED: typeField('ADDED'),
  MODIFIED: typeField('MODIFIED'),
  DELETED: typeField('DELETED'),
  BOOKMARK: typeField('BOOKMARK'),
  ERROR: typeField('ERROR'),
}
