/**
 * Nodes as Protocol Buffers: a watch is a sequence of frames, a list one message (kubernetes-notes, "Protobuf on the
 * wire"; field numbers from the API's generated.proto files). Only what vtepd keeps is read, the rest is passed over.
 * Must not: hold more than one frame, or trust a frame's length.
 */
import {
  KubeGarbage,
  type NodeDecoder,
  type NodeEvent,
  type NodeFormat,
  type NodePage,
  type StatusWords,
} from './kube-events.ts'
import type { NodeFacts } from './node-facts.ts'
import { projectProtoNode, readObjectMeta, type WantedKeys, wantedKeys } from './proto-node.ts'
import { type Cursor, nextField, openField, openMessage, seekBytes, textOf, WireFault } from './proto-reader.ts'

/** etcd keeps at most 1.5 MiB an object, and a frame adds little to it. Bytes. */
const MAX_FRAME = 8 << 20
const LENGTH_BYTES = 4
/** Goes before every object, not before a frame. */
const MAGIC = Buffer.from('k8s\0', 'latin1')
const END_OF_INITIAL_EVENTS = wantedKeys(['k8s.io/initial-events-end'])

const UNKNOWN = { raw: 2 } as const
const WATCH_EVENT = { type: 1, object: 2 } as const
const RAW_EXTENSION = { raw: 1 } as const
const LIST = { metadata: 1, items: 2 } as const
const LIST_META = { resourceVersion: 2, continue: 3 } as const
const STATUS = { message: 3, reason: 4, code: 6 } as const

/** `maxFrame` bytes is smaller in tests. */
export function createProtobufFormat(maxFrame = MAX_FRAME): NodeFormat {
  return {
    name: 'protobuf',
    createDecoder(wanted, ownName) {
      const keys = wantedKeys(wanted)
      return createFrameReader(maxFrame, (frame) => decodeEvent(frame, keys, ownName))
    },
    decodePage: (body, wanted, ownName) => guarded(() => decodePage(asBuffer(body), wantedKeys(wanted), ownName)),
    readStatus: (body) => guarded(() => readStatus(objectOf(openMessage(asBuffer(body))))),
  }
}

/** Cuts the bytes into frames: four bytes of big-endian length, then so many bytes. */
function createFrameReader(maxFrame: number, decode: (frame: Buffer) => NodeEvent): NodeDecoder {
  let rest: Buffer[] = []
  let have = 0
  let need = LENGTH_BYTES
  let inFrame = false
  return {
    *push(bytes) {
      const chunk = asBuffer(bytes)
      let at = 0
      while (have + chunk.length - at >= need) {
        const end = at + need - have
        const last = chunk.subarray(at, end)
        const whole = rest.length === 0 ? last : Buffer.concat([...rest, last], need)
        at = end
        rest = []
        have = 0
        inFrame = !inFrame
        if (inFrame) need = checkLength(whole.readUInt32BE(0), maxFrame)
        else {
          need = LENGTH_BYTES
          yield guarded(() => decode(whole))
        }
      }
      if (at === chunk.length) return
      rest.push(chunk.subarray(at))
      have += chunk.length - at
    },
  }
}

function checkLength(length: number, maxFrame: number): number {
  if (length > maxFrame) throw new KubeGarbage(`an event of ${length} bytes, more than ${maxFrame}`)
  return length
}

function decodeEvent(frame: Buffer, wanted: WantedKeys, ownName: string): NodeEvent {
  const event = openMessage(frame)
  let type = ''
  let object: Cursor | undefined
  while (nextField(event)) {
    if (event.type !== 'bytes') continue
    if (event.field === WATCH_EVENT.type) type = textOf(event)
    else if (event.field === WATCH_EVENT.object) object = openField(event)
  }
  if (object === undefined || !seekBytes(object, RAW_EXTENSION.raw)) throw new WireFault('an event without an object')
  const body = objectOf(openField(object))
  switch (type) {
    case 'ADDED':
    case 'MODIFIED': {
      const { node, resourceVersion } = projectProtoNode(body, wanted, ownName)
      return { kind: 'put', node, resourceVersion }
    }
    case 'DELETED': {
      const { node, resourceVersion } = projectProtoNode(body, wanted, ownName)
      return { kind: 'delete', name: node.name, resourceVersion }
    }
    case 'BOOKMARK':
      return readBookmark(body)
    case 'ERROR':
      return { kind: 'error', ...readStatus(body) }
    default:
      throw new WireFault(`an event of type ${JSON.stringify(type.slice(0, 40))}`)
  }
}

/** The object inside `k8s\0` and runtime.Unknown. */
function objectOf(cursor: Cursor): Cursor {
  const { bytes, at, end } = cursor
  if (end - at < MAGIC.length || bytes.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0)
    throw new WireFault('an object that does not begin with k8s')
  const unknown = openMessage(bytes, at + MAGIC.length, end)
  // An object whose fields are all empty has no bytes, and Go leaves such a field out.
  return seekBytes(unknown, UNKNOWN.raw) ? openField(unknown) : openMessage(bytes, end, end)
}

/** A Node of which only the resource version and perhaps one annotation are set. */
function readBookmark(object: Cursor): NodeEvent {
  const { resourceVersion, values } = readObjectMeta(object, END_OF_INITIAL_EVENTS)
  if (resourceVersion === '') throw new WireFault('a bookmark without a resourceVersion')
  return { kind: 'bookmark', resourceVersion, initialEventsEnd: values[0] === 'true' }
}

function readStatus(status: Cursor): StatusWords {
  let code = 0
  let reason = ''
  let message = ''
  while (nextField(status)) {
    if (status.field === STATUS.code && status.type === 'varint') code = status.value
    else if (status.type !== 'bytes') continue
    else if (status.field === STATUS.reason) reason = textOf(status)
    else if (status.field === STATUS.message) message = textOf(status)
  }
  return { status: code, reason: [reason, message].filter((word) => word !== '').join(': ') }
}

function decodePage(body: Buffer, wanted: WantedKeys, ownName: string): NodePage {
  const list = objectOf(openMessage(body))
  const nodes: NodeFacts[] = []
  let resourceVersion: string | undefined
  let token: string | undefined
  while (nextField(list)) {
    if (list.type !== 'bytes') continue
    if (list.field === LIST.items) nodes.push(projectProtoNode(openField(list), wanted, ownName).node)
    if (list.field !== LIST.metadata) continue
    const meta = openField(list)
    while (nextField(meta)) {
      if (meta.type !== 'bytes' || meta.start === meta.stop) continue
      if (meta.field === LIST_META.resourceVersion) resourceVersion = textOf(meta)
      else if (meta.field === LIST_META.continue) token = textOf(meta)
    }
  }
  return { nodes, resourceVersion, continue: token }
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
