/**
 * Nodes as Protocol Buffers: a watch is a sequence of frames, a list one message (field numbers from the
 * API's generated.proto files). Only what vtepd keeps is read, the rest is passed over.
 * Must not: hold more than one frame, or trust a frame's length.
 */

import {
  type Cursor,
  enter,
  leave,
  nextField,
  openMessage,
  reopen,
  seekBytes,
  textOf,
  WireFault,
} from '../../kube-api/proto-reader.ts'
import { enterObject, statusOfProtobuf } from '../../kube-api/status.ts'
import { KubeGarbage, type NodeDecoder, type NodeEvent, type NodeFormat, type NodePage } from './kube-events.ts'
import type { NodeFacts } from './node-facts.ts'
import { projectProtoNode, readObjectMeta, type WantedKeys, wantedKeys } from './proto-node.ts'

/** etcd keeps at most 1.5 MiB an object, and a frame adds little to it. Bytes. */
const MAX_FRAME = 8 << 20
/** What is kept for frames that come in pieces; a larger one is given back afterwards. Bytes. */
const USUAL_FRAME = 64 << 10
const LENGTH_BYTES = 4
const END_OF_INITIAL_EVENTS = wantedKeys(['k8s.io/initial-events-end'])

const WATCH_EVENT = { type: 1, object: 2 } as const
const RAW_EXTENSION = { raw: 1 } as const
const LIST = { metadata: 1, items: 2 } as const
const LIST_META = { resourceVersion: 2, continue: 3 } as const

/** `maxFrame` bytes is smaller in tests. */
export function createProtobufFormat(maxFrame = MAX_FRAME): NodeFormat {
  return {
    name: 'protobuf',
    createDecoder(wanted, ownName) {
      const cursor = openMessage(Buffer.alloc(0))
      const keys = wantedKeys(wanted)
      return createFrameReader(maxFrame, (bytes, start, end) => {
        reopen(cursor, bytes, start, end)
        return guarded(() => decodeEvent(cursor, keys, ownName))
      })
    },
    decodePage: (body, wanted, ownName) =>
      guarded(() => decodePage(openMessage(asBuffer(body)), wantedKeys(wanted), ownName)),
    decodeNode: (body, wanted, ownName) =>
      guarded(() => {
        const cursor = openMessage(asBuffer(body))
        enterObject(cursor)
        return projectProtoNode(cursor, wantedKeys(wanted), ownName)
      }),
  }
}

/**
 * Cuts the bytes into frames: four bytes of big-endian length, then so many bytes. A frame that comes in pieces is put
 * together in one place, always the same one; `decode` must not keep the bytes.
 */
function createFrameReader(
  maxFrame: number,
  decode: (bytes: Buffer, start: number, end: number) => NodeEvent,
): NodeDecoder {
  let pieces = Buffer.allocUnsafe(USUAL_FRAME)
  let have = 0
  const frameEnd = (bytes: Buffer, at: number): number => {
    const length = bytes.readUInt32BE(at)
    if (length > maxFrame) throw new KubeGarbage(`an event of ${length} bytes, more than ${maxFrame}`)
    return at + LENGTH_BYTES + length
  }
  /** Takes from `chunk` what is missing until `pieces` holds `wanted` bytes; how many it took. */
  const take = (chunk: Buffer, at: number, wanted: number): number => {
    if (wanted > pieces.length) {
      const larger = Buffer.allocUnsafe(wanted)
      pieces.copy(larger, 0, 0, have)
      pieces = larger
    }
    const taken = chunk.copy(pieces, have, at, Math.min(chunk.length, at + wanted - have))
    have += taken
    return taken
  }
  return {
    *push(bytes) {
      const chunk = asBuffer(bytes)
      let at = 0
      while (at < chunk.length) {
        if (have === 0 && chunk.length - at >= LENGTH_BYTES) {
          const end = frameEnd(chunk, at)
          if (end <= chunk.length) {
            const start = at + LENGTH_BYTES
            at = end
            yield decode(chunk, start, end)
            continue
          }
        }
        if (have < LENGTH_BYTES) at += take(chunk, at, LENGTH_BYTES)
        if (have < LENGTH_BYTES) return
        const end = frameEnd(pieces, 0)
        at += take(chunk, at, end)
        if (have < end) return
        have = 0
        yield decode(pieces, LENGTH_BYTES, end)
        if (pieces.length > USUAL_FRAME) pieces = Buffer.allocUnsafe(USUAL_FRAME)
      }
    },
  }
}

function decodeEvent(cursor: Cursor, wanted: WantedKeys, ownName: string): NodeEvent {
  let type = ''
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === WATCH_EVENT.type) type = textOf(cursor)
    // Go writes fields in the order of their numbers: the type is known.
    else if (cursor.field === WATCH_EVENT.object) {
      enter(cursor)
      if (!seekBytes(cursor, RAW_EXTENSION.raw)) break
      enter(cursor)
      enterObject(cursor)
      return decodeObject(type, cursor, wanted, ownName)
    }
  }
  throw new WireFault('an event without an object')
}

function decodeObject(type: string, cursor: Cursor, wanted: WantedKeys, ownName: string): NodeEvent {
  switch (type) {
    case 'ADDED':
    case 'MODIFIED': {
      const { node, resourceVersion } = projectProtoNode(cursor, wanted, ownName)
      return { kind: 'put', node, resourceVersion }
    }
    case 'DELETED': {
      const { node, resourceVersion } = projectProtoNode(cursor, wanted, ownName)
      return { kind: 'delete', name: node.name, resourceVersion }
    }
    case 'BOOKMARK': {
      const { resourceVersion, values } = readObjectMeta(cursor, END_OF_INITIAL_EVENTS)
      if (resourceVersion === '') throw new WireFault('a bookmark without a resourceVersion')
      return { kind: 'bookmark', resourceVersion, initialEventsEnd: values[0] === 'true' }
    }
    case 'ERROR':
      return { kind: 'error', ...statusOfProtobuf(cursor) }
    default:
      throw new WireFault(`an event of type ${JSON.stringify(type.slice(0, 40))}`)
  }
}

function decodePage(cursor: Cursor, wanted: WantedKeys, ownName: string): NodePage {
  enterObject(cursor)
  const nodes: NodeFacts[] = []
  let resourceVersion: string | undefined
  let token: string | undefined
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    const isItem = cursor.field === LIST.items
    if (!isItem && cursor.field !== LIST.metadata) continue
    const outer = enter(cursor)
    if (isItem) nodes.push(projectProtoNode(cursor, wanted, ownName).node)
    else [resourceVersion, token] = readListMeta(cursor)
    leave(cursor, outer)
  }
  return { nodes, resourceVersion, continue: token }
}

function readListMeta(cursor: Cursor): [resourceVersion: string | undefined, token: string | undefined] {
  let resourceVersion: string | undefined
  let token: string | undefined
  while (nextField(cursor)) {
    const { field } = cursor
    if (cursor.type !== 'bytes' || cursor.start === cursor.stop) continue
    if (field === LIST_META.resourceVersion) resourceVersion = textOf(cursor)
    else if (field === LIST_META.continue) token = textOf(cursor)
  }
  return [resourceVersion, token]
}

function guarded<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw error instanceof WireFault ? new KubeGarbage(error.message, { cause: error }) : error
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
