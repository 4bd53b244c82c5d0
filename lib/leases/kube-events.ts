/**
 * What a stream or a list of Nodes says, whatever its encoding; the seam between decoders (JSON now, protobuf later) and
 * the session that follows them. Must not: read bytes or talk to a server.
 */
import type { NodeFacts } from './node-facts.ts'

export type NodeEvent =
  /** ADDED and MODIFIED alike: what counts is how the Node is now. */
  | { readonly kind: 'put'; readonly node: NodeFacts; readonly resourceVersion: string | undefined }
  | { readonly kind: 'delete'; readonly name: string; readonly resourceVersion: string | undefined }
  /** `initialEventsEnd`: everything that existed has been told (annotation k8s.io/initial-events-end). */
  | { readonly kind: 'bookmark'; readonly resourceVersion: string; readonly initialEventsEnd: boolean }
  /** The stream is over: a Status in place of an object; `status` as in HTTP. */
  | { readonly kind: 'error'; readonly status: number; readonly reason: string }

export interface NodePage {
  readonly nodes: readonly NodeFacts[]
  readonly resourceVersion: string | undefined
  /** The token for the next page; undefined: this was the last. */
  readonly continue: string | undefined
}

/** One decoder serves one stream. Its methods throw KubeError where the bytes are not what was announced, or too many. */
export interface NodeDecoder {
  /** Any cut of the bytes; yields what has become complete. */
  push(chunk: Uint8Array): Iterable<NodeEvent>
}

export interface NodeEncoding {
  /** For the header Accept. */
  readonly accept: string
  /** `ownName`: the one Node whose condition NetworkUnavailable is read too. */
  createDecoder(wanted: ReadonlySet<string>, ownName: string): NodeDecoder
  decodePage(body: Uint8Array, wanted: ReadonlySet<string>): NodePage
}
