/**
 * How Nodes look on the wire: JSON or Protocol Buffers, whole or their metadata alone. Owns what the four have in common.
 * Must not: choose one (negotiate.ts).
 *
 * Supported, for lists, watches, reads and the answers of writes, as by kube-apiserver 1.34:
 * `application/json` and `application/vnd.kubernetes.protobuf`, each also with `;as=PartialObjectMetadata;v=v1;g=meta.k8s.io`
 * (reads and watches) or `;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io` (lists). Pods are JSON only; `as=Table`, YAML and CBOR are
 * not spoken. Each version of a Node is encoded once an encoding, when it is first asked for, and its bytes are shared by all.
 */
import type { Status } from './status.ts'
import type { Change, Entry } from './store.ts'

export interface ListMetadata {
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
}

export interface Representation {
  /** Content-Type of one object or list, and of a watch. */
  readonly type: string
  readonly watchType: string
  object(entry: Entry): Buffer
  /** In pieces, so that nobody has to hold a large list twice. */
  list(metadata: ListMetadata, page: readonly Entry[]): Iterable<Buffer>
  /** An event in a watch, as parts that belong behind each other. */
  event(type: Change['type'], entry: Entry): readonly Buffer[]
  bookmark(revision: number, endOfInitial: boolean): Buffer
  error(status: Status): Buffer
}

/** Kind and version of what is sent as a Node, and of a list of them. */
export interface Naming {
  readonly kind: string
  readonly apiVersion: string
}

export const WHOLE: Naming = { kind: 'Node', apiVersion: 'v1' }
export const METADATA: Naming = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' }

/** The metadata of a bookmark. */
export function bookmarkMetadata(revision: number, endOfInitial: boolean) {
  const annotations = endOfInitial ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}
  return { resourceVersion: String(revision), ...annotations }
}

/** Pieces of about a quarter of a megabyte; each part stays whole. */
export function* inPieces(parts: Iterable<Buffer>): Iterable<Buffer> {
  let piece: Buffer[] = []
  let size = 0
  for (const part of parts) {
    piece.push(part)
    size += part.length
    if (size < PIECE_BYTES) continue
    yield Buffer.concat(piece)
    piece = []
    size = 0
  }
  if (piece.length > 0) yield Buffer.concat(piece)
}

export const PIECE_BYTES = 256 * 1024
