/** What is told of the probes between nodes, of one family or of each peer. Types and pure renderings. Must not: find out anything. */
import type { MeshState } from '../../mesh/verdict.ts'
import type { Family } from '../../net/ip.ts'
import type { MeshWatch } from '../mesh-watch.ts'

export interface MeshSummary {
  /** Of this node, its families together. */
  readonly probesPerSecond: number
  /** Peers by state. */
  readonly peers: Readonly<Record<MeshState, number>>
}

/** What probes say of one peer in one family. */
export interface MeshPeerReport {
  readonly node: string
  readonly family: Family
  readonly state: MeshState
  /** How long it has been so, milliseconds. */
  readonly forMs: number
  /** Of the last answer over the overlay, milliseconds; null: there was none. */
  readonly rttMs: number | null
  /** Parts of 1 of the latest questions over the overlay that did not arrive; null: too few yet. */
  readonly lossThere: number | null
  /** Parts of 1 of those that arrived whose answer did not come back. */
  readonly lossBack: number | null
  /** Of its VXLAN device. */
  readonly overlay: string
  readonly underlay: string
  /** null: not asked yet. */
  readonly underlayAnswers: boolean | null
  /** The largest packet that gets through, bytes, where that is less than `wanted`. */
  readonly narrow: { readonly path: 'overlay' | 'underlay'; readonly mtu: number; readonly wanted: number } | null
  /** Why the kernel of this host refused to send the last question that it refused: an errno's name. */
  readonly refused: string | null
}

/** At each scrape of the metrics: no peer is gone through. */
export function meshSummary({ rate, counts }: Pick<MeshWatch, 'rate' | 'counts'>): MeshSummary {
  return { probesPerSecond: rate, peers: { ...counts } }
}

/** Of one node, or of all; in no order. */
export function* meshRows(
  watches: readonly MeshWatch[],
  { name, now }: { readonly name: string | undefined; readonly now: number },
): Generator<MeshPeerReport> {
  for (const { family, peers } of watches)
    for (const peer of peers()) {
      if (name !== undefined && peer.node !== name) continue
      yield {
        node: peer.node,
        family,
        state: peer.state,
        forMs: now - peer.since,
        rttMs: peer.rtt ?? null,
        lossThere: peer.loss.there ?? null,
        lossBack: peer.loss.back ?? null,
        overlay: peer.overlay,
        underlay: peer.underlay,
        underlayAnswers: peer.underlayAnswers ?? null,
        narrow: peer.narrow ?? null,
        refused: peer.refused ?? null,
      }
    }
}
