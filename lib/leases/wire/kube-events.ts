/**
 * What a stream or a list of Nodes says, whatever its encoding; the seam between decoders (JSON, protobuf) and
 * the session that follows them. Must not: read bytes or talk to a server.
 */
import { KubeError } from '../../errors.ts'
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

export interface FetchedNode {
  readonly node: NodeFacts
  readonly resourceVersion: string | undefined
}

/** One decoder serves one stream. Its methods throw KubeGarbage where the bytes are not what was announced, or too many. */
export interface NodeDecoder {
  /** Any cut of the bytes, which are not kept; yields what has become complete. */
  push(chunk: Uint8Array): Iterable<NodeEvent>
}

/** One encoding on the wire. `ownName`: the one Node whose status is read too. Throws KubeGarbage. */
export interface NodeFormat {
  readonly name: 'json' | 'protobuf'
  createDecoder(wanted: ReadonlySet<string>, ownName: string): NodeDecoder
  decodePage(body: Uint8Array, wanted: ReadonlySet<string>, ownName: string): NodePage
  /** One Node, as a GET answers it. */
  decodeNode(body: Uint8Array, wanted: ReadonlySet<string>, ownName: string): FetchedNode
}

/** What the server sent is not what it announced. Nothing of it is believed; a new connection may do better. */
export class KubeGarbage extends KubeError {
  constructor(problem: string, options?: { cause?: unknown }) {
    super({ request: 'the answer of the API server', status: 0, reason: `not understood: ${problem}` }, options)
  }
}
