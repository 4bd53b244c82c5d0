/**
 * What is known of the cluster at one moment: who the peers are, what we are, and how complete that is; and what we tell the
 * others. Must not: say where the knowledge comes from (lib/leases).
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
  /** Claims that were not accepted, each named; never silently dropped. */
  readonly rejected: readonly LeaseError[]
  /** Of those, whole claims that another's or ours stands against: who wins may have been decided otherwise before. */
  readonly contested: readonly Lease[]
  /** One machine under two names, each in a sentence. */
  readonly aliases: readonly string[]
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
  /** undefined: host-gw, which has neither a VNI nor an lladdr. */
  readonly vni: Vni | undefined
  /** false: the files that a new pod needs are not written yet, so NetworkUnavailable stays as it is. Default: true. */
  readonly podsCanStart?: boolean
  readonly ipv4: { readonly underlay: Ip; readonly lladdr: Lladdr | undefined } | undefined
  readonly ipv6: { readonly underlay: Ip; readonly lladdr: Lladdr | undefined } | undefined
}
