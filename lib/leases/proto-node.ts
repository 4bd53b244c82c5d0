/**
 * A Node, or any object's metadata, as Protocol Buffers → what vtepd keeps of it (field numbers from the API's
 * generated.proto files). The twin of node-facts.ts, which reads the same from JSON.
 * Must not: know frames, events or lists (kube-protobuf.ts).
 */
import type { NodeFacts } from './node-facts.ts'
import { type Cursor, fieldEquals, nextField, openField, seekBytes, textOf, WireFault } from './proto-reader.ts'

const NETWORK_UNAVAILABLE = Buffer.from('NetworkUnavailable', 'latin1')
/** Of 9999-12-31: what RFC 3339 can say. */
const LAST_SECOND = 253_402_300_799

const META = { name: 1, uid: 5, resourceVersion: 6, creationTimestamp: 8, annotations: 12 } as const
const ENTRY = { key: 1, value: 2 } as const
const TIME = { seconds: 1 } as const
const NODE = { metadata: 1, spec: 2, status: 3 } as const
const SPEC = { podCidr: 1, podCidrs: 7 } as const
const NODE_STATUS = { conditions: 4 } as const
const CONDITION = { type: 1, status: 2 } as const

/** The keys whose values are read, in the order in which they are kept. */
export interface WantedKeys {
  readonly names: readonly string[]
  readonly bytes: readonly Buffer[]
}

export function wantedKeys(names: Iterable<string>): WantedKeys {
  const list = [...names]
  return { names: list, bytes: list.map((name) => Buffer.from(name, 'utf8')) }
}

export interface ProtoMeta {
  name: string
  uid: string
  /** '' if there is none. */
  resourceVersion: string
  /** As the API writes it in JSON; '' if there is none. */
  creationTimestamp: string
  /** In the order of the wanted keys. */
  readonly values: (string | undefined)[]
}

export interface ProtoNode {
  readonly node: NodeFacts
  readonly resourceVersion: string | undefined
}

/** Throws WireFault, also for a Node without a name. `ownName`: whose condition NetworkUnavailable is read too. */
export function projectProtoNode(object: Cursor, wanted: WantedKeys, ownName: string): ProtoNode {
  const meta = noMeta()
  let podCidrs: readonly string[] = []
  let status: Cursor | undefined
  while (nextField(object)) {
    if (object.type !== 'bytes') continue
    if (object.field === NODE.metadata) readMeta(openField(object), meta, wanted)
    else if (object.field === NODE.spec) podCidrs = readPodCidrs(openField(object))
    else if (object.field === NODE.status) status = openField(object)
  }
  const { name, uid, creationTimestamp, resourceVersion } = meta
  if (name === '') throw new WireFault('a Node without a name')
  const networkUnavailable = name === ownName && status !== undefined ? readCondition(status) : undefined
  return {
    node: { name, uid, creationTimestamp, annotations: annotationsOf(meta, wanted), podCidrs, networkUnavailable },
    resourceVersion: resourceVersion === '' ? undefined : resourceVersion,
  }
}

/** The metadata of any object, the rest passed over. */
export function readObjectMeta(object: Cursor, wanted: WantedKeys): ProtoMeta {
  const meta = noMeta()
  while (seekBytes(object, NODE.metadata)) readMeta(openField(object), meta, wanted)
  return meta
}

function noMeta(): ProtoMeta {
  return { name: '', uid: '', resourceVersion: '', creationTimestamp: '', values: [] }
}

function annotationsOf(meta: ProtoMeta, wanted: WantedKeys): Readonly<Record<string, string>> {
  const annotations: Record<string, string> = {}
  if (meta.values.length === 0) return annotations
  wanted.names.forEach((name, index) => {
    const value = meta.values[index]
    if (value !== undefined) annotations[name] = value
  })
  return annotations
}

function readMeta(cursor: Cursor, meta: ProtoMeta, wanted: WantedKeys): void {
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === META.name) meta.name = textOf(cursor)
    else if (cursor.field === META.uid) meta.uid = textOf(cursor)
    else if (cursor.field === META.resourceVersion) meta.resourceVersion = textOf(cursor)
    else if (cursor.field === META.creationTimestamp) meta.creationTimestamp = readTime(openField(cursor))
    else if (cursor.field === META.annotations) readEntry(openField(cursor), meta.values, wanted.bytes)
  }
}

/** One entry of a map; a value that is absent is ''. */
function readEntry(entry: Cursor, values: (string | undefined)[], keys: readonly Buffer[]): void {
  let index = -1
  let value = ''
  while (nextField(entry)) {
    if (entry.type !== 'bytes') continue
    if (entry.field === ENTRY.key) {
      index = keys.findIndex((key) => fieldEquals(entry, key))
      if (index < 0) return
    } else if (entry.field === ENTRY.value) value = textOf(entry)
  }
  if (index >= 0) values[index] = value
}

function readTime(time: Cursor): string {
  let seconds: number | undefined
  while (nextField(time)) if (time.field === TIME.seconds && time.type === 'varint') seconds = time.value
  if (seconds === undefined || seconds > LAST_SECOND) return ''
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`
}

/** podCIDRs, or podCIDR alone. */
function readPodCidrs(spec: Cursor): readonly string[] {
  let one: readonly string[] = []
  const many: string[] = []
  while (nextField(spec)) {
    if (spec.type !== 'bytes') continue
    if (spec.field === SPEC.podCidr && spec.stop > spec.start) one = [textOf(spec)]
    else if (spec.field === SPEC.podCidrs) many.push(textOf(spec))
  }
  return many.length > 0 ? many : one
}

function readCondition(status: Cursor): string | undefined {
  while (seekBytes(status, NODE_STATUS.conditions)) {
    const condition = openField(status)
    let isIt = false
    let value = ''
    while (nextField(condition)) {
      if (condition.type !== 'bytes') continue
      if (condition.field === CONDITION.type) isIt = fieldEquals(condition, NETWORK_UNAVAILABLE)
      else if (condition.field === CONDITION.status) value = textOf(condition)
    }
    if (isIt) return value
  }
  return undefined
}
