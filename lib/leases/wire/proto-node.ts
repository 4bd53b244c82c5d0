/**
 * A Node, or any object's metadata, as Protocol Buffers → what vtepd keeps of it (field numbers from the API's
 * generated.proto files). The twin of node-facts.ts, which reads the same from JSON.
 * Must not: know frames, events or lists (kube-protobuf.ts).
 */

import {
  type Cursor,
  enter,
  fieldEquals,
  leave,
  nextField,
  seekBytes,
  textOf,
  WireFault,
} from '../../kube-api/proto-reader.ts'
import { firstIps, NO_IPS, type NodeFacts } from './node-facts.ts'

const NETWORK_UNAVAILABLE = Buffer.from('NetworkUnavailable', 'latin1')
const INTERNAL_IP = Buffer.from('InternalIP', 'latin1')
/** Of 9999-12-31: what RFC 3339 can say. */
const LAST_SECOND = 253_402_300_799

const META = { name: 1, uid: 5, resourceVersion: 6, creationTimestamp: 8, annotations: 12 } as const
const ENTRY = { key: 1, value: 2 } as const
const TIME = { seconds: 1 } as const
const NODE = { metadata: 1, spec: 2, status: 3 } as const
const SPEC = { podCidr: 1, podCidrs: 7 } as const
const NODE_STATUS = { conditions: 4, addresses: 5 } as const
/** Of a condition its type and status, of an address its type and the address: each the first two fields. */
const TYPED = { type: 1, value: 2 } as const

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

type OwnStatus = Pick<NodeFacts, 'networkUnavailable' | 'internalIps'>
const NO_STATUS: OwnStatus = { networkUnavailable: undefined, internalIps: NO_IPS }

export interface ProtoNode {
  readonly node: NodeFacts
  readonly resourceVersion: string | undefined
}

/** Reads the rest of the message. Throws WireFault, also for a Node without a name. `ownName`: whose status is read too. */
export function projectProtoNode(object: Cursor, wanted: WantedKeys, ownName: string): ProtoNode {
  const meta = noMeta()
  let podCidrs: readonly string[] = []
  let status: OwnStatus = NO_STATUS
  while (nextField(object)) {
    if (object.type !== 'bytes') continue
    if (object.field === NODE.metadata) readMeta(object, meta, wanted)
    else if (object.field === NODE.spec) podCidrs = readPodCidrs(object)
    // Go writes fields in the order of their numbers: the name is known.
    else if (object.field === NODE.status && meta.name === ownName) status = readOwnStatus(object)
  }
  const { name, uid, creationTimestamp, resourceVersion } = meta
  const { networkUnavailable, internalIps } = status
  if (name === '') throw new WireFault('a Node without a name')
  return {
    node: {
      name,
      uid,
      creationTimestamp,
      annotations: annotationsOf(meta, wanted),
      podCidrs,
      networkUnavailable,
      internalIps,
    },
    resourceVersion: resourceVersion === '' ? undefined : resourceVersion,
  }
}

/** The metadata of any object, the rest passed over. */
export function readObjectMeta(object: Cursor, wanted: WantedKeys): ProtoMeta {
  const meta = noMeta()
  while (seekBytes(object, NODE.metadata)) readMeta(object, meta, wanted)
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

/* Each of these reads the message of the field on which the cursor stands. */

function readMeta(cursor: Cursor, meta: ProtoMeta, wanted: WantedKeys): void {
  const outer = enter(cursor)
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === META.name) meta.name = textOf(cursor)
    else if (cursor.field === META.uid) meta.uid = textOf(cursor)
    else if (cursor.field === META.resourceVersion) meta.resourceVersion = textOf(cursor)
    else if (cursor.field === META.creationTimestamp) meta.creationTimestamp = readTime(cursor)
    else if (cursor.field === META.annotations) readEntry(cursor, meta.values, wanted.bytes)
  }
  leave(cursor, outer)
}

/** One entry of a map; a value that is absent is ''. */
function readEntry(cursor: Cursor, values: (string | undefined)[], keys: readonly Buffer[]): void {
  const outer = enter(cursor)
  let index = -1
  let value = ''
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === ENTRY.key) {
      index = keys.findIndex((key) => fieldEquals(cursor, key))
      if (index < 0) break
    } else if (cursor.field === ENTRY.value) value = textOf(cursor)
  }
  if (index >= 0) values[index] = value
  leave(cursor, outer)
}

function readTime(cursor: Cursor): string {
  const outer = enter(cursor)
  let seconds: number | undefined
  while (nextField(cursor)) if (cursor.field === TIME.seconds && cursor.type === 'varint') seconds = cursor.value
  leave(cursor, outer)
  if (seconds === undefined || seconds > LAST_SECOND) return ''
  return `${new Date(seconds * 1000).toISOString().slice(0, -5)}Z`
}

/** podCIDRs, or podCIDR alone. */
function readPodCidrs(cursor: Cursor): readonly string[] {
  const outer = enter(cursor)
  let one: readonly string[] = []
  const many: string[] = []
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === SPEC.podCidr && cursor.stop > cursor.start) one = [textOf(cursor)]
    else if (cursor.field === SPEC.podCidrs) many.push(textOf(cursor))
  }
  leave(cursor, outer)
  return many.length > 0 ? many : one
}

function readOwnStatus(cursor: Cursor): OwnStatus {
  const outer = enter(cursor)
  let networkUnavailable: string | undefined
  const internal: string[] = []
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === NODE_STATUS.conditions) networkUnavailable ??= readTyped(cursor, NETWORK_UNAVAILABLE)
    else if (cursor.field === NODE_STATUS.addresses) internal.push(readTyped(cursor, INTERNAL_IP) ?? '')
  }
  leave(cursor, outer)
  return { networkUnavailable, internalIps: firstIps(internal) }
}

/** The value beside this type; undefined: it is of another. */
function readTyped(cursor: Cursor, type: Buffer): string | undefined {
  const outer = enter(cursor)
  let isIt = false
  let value = ''
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    if (cursor.field === TYPED.type) isIt = fieldEquals(cursor, type)
    else if (cursor.field === TYPED.value) value = textOf(cursor)
  }
  leave(cursor, outer)
  return isIt ? value : undefined
}
