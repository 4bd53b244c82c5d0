/**
 * The port of a lease source: where the knowledge of the cluster comes from. `kube` and `file` implement it.
 * Must not: hold a connection or a file; only the shape of what is known, and how complete it is.
 */
import type { LeaseError } from '../errors.ts'
import type { Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import type { Vni } from '../net/vni.ts'
import type { Lease, OwnNode } from './lease.ts'

/** Peers by node name, our own node left out. */
export type Peers = ReadonlyMap<string, Lease>

interface ViewBase {
  readonly peers: Peers
  readonly own: OwnNode | undefined
  /** Claims that were not believed, each named; never silently dropped. */
  readonly rejected: readonly LeaseError[]
}

/** Complete: what it lacks does not exist. Only such a view may delete (design decision 6). */
export interface SyncedView extends ViewBase {
  readonly synced: true
}

/** Incomplete, cached or suspect: it may add what is absent, neither replace nor delete. */
export interface PartialView extends ViewBase {
  readonly synced: false
  /** One sentence for the log and the status: what is missing. */
  readonly because: string
}

export type LeaseView = SyncedView | PartialView

/** What this node tells the others, per family; a family that is undefined is left as it stands in the source. */
export interface OwnVtep {
  readonly vni: Vni
  readonly ipv4: { readonly underlay: Ip; readonly lladdr: Lladdr } | undefined
  readonly ipv6: { readonly underlay: Ip; readonly lladdr: Lladdr } | undefined
}

export interface LeaseSource {
  /** One word for the log: `kube` or `file`. */
  readonly kind: 'kube' | 'file'
  /** The newest view; before the first knowledge an empty PartialView. The same object until something changed. */
  view(): LeaseView
  /** `onChange` only marks: it is called after view() has changed, never re-entrantly. */
  start(onChange: () => void): void
  /** Publishes when it differs from what the source holds; resolves when accepted, rejects with KubeError after one try. */
  publish(own: OwnVtep): Promise<void>
  /** Stops everything; no onChange after it resolves. */
  close(): Promise<void>
}
