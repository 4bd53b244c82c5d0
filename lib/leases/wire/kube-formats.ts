/**
 * Which encoding is asked for, and which one came. Protobuf costs the API server a quarter of what JSON does, and us less
 * still; a server that does not speak it answers in JSON, and the Content-Type says so.
 * Must not: decode (kube-json.ts, kube-protobuf.ts).
 */
import { PROTOBUF } from '../../kube-api/status.ts'
import type { NodeFormat } from './kube-events.ts'
import { createJsonFormat } from './kube-json.ts'
import { createProtobufFormat } from './kube-protobuf.ts'

const JSON_TYPE = 'application/json'
const AS_METADATA = 'as=PartialObjectMetadata;v=v1;g=meta.k8s.io'

/** For the header Accept. A weight (`;q=`) anywhere would turn the answer to JSON. */
export interface Accepts {
  /** Nodes: of a watch, of a list and of a GET. */
  readonly nodes: string
  /** Their metadata alone: of a watch (a list wants another type). A server that cannot do it answers 406. */
  readonly metadata: string
}

export const ACCEPT_ANY: Accepts = {
  nodes: `${PROTOBUF};stream=watch, ${JSON_TYPE}`,
  metadata: `${PROTOBUF};${AS_METADATA};stream=watch, ${JSON_TYPE};${AS_METADATA}`,
}
export const ACCEPT_JSON: Accepts = { nodes: JSON_TYPE, metadata: `${JSON_TYPE};${AS_METADATA}` }

export interface NodeFormats {
  /** Of an answer with this Content-Type; JSON where it says nothing. */
  of(contentType: string | undefined): NodeFormat
}

/** `maxEvent`: bytes that one event may have at most; smaller in tests. */
export function createNodeFormats(maxEvent?: number): NodeFormats {
  const json = createJsonFormat(maxEvent)
  const protobuf = createProtobufFormat(maxEvent)
  return { of: (contentType) => (contentType?.startsWith(PROTOBUF) === true ? protobuf : json) }
}
