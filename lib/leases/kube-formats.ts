/**
 * Which encoding is asked for, and which one came. Protobuf costs the API server a quarter of what JSON does, and us less
 * still; a server that does not speak it answers in JSON, and the Content-Type says so.
 * Must not: decode (kube-json.ts, kube-protobuf.ts).
 */
import type { NodeFormat } from './kube-events.ts'
import { createJsonFormat } from './kube-json.ts'
import { createProtobufFormat } from './kube-protobuf.ts'

const PROTOBUF = 'application/vnd.kubernetes.protobuf'

/** For the header Accept, of a watch and of a list. A weight (`;q=`) anywhere would turn the answer to JSON. */
export const ACCEPT_ANY = `${PROTOBUF};stream=watch, application/json`
export const ACCEPT_JSON = 'application/json'

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
