/**
 * The public port of a lease source: what a program implements that knows the nodes from elsewhere than Kubernetes or a file.
 * Types only. Must not: ask of an implementation what the agent can decide itself (which claims are accepted: lib/leases/accepted).
 */

/** One node's part of the overlay in one family; all addresses are of that family, as text. */
export interface NodeFamily {
  /** The node's part of the network, without host bits: `10.244.1.0/24`. */
  readonly subnet: string
  /** The address that receives the node's VXLAN packets. Of our own entry: as published last. */
  readonly underlay?: string | undefined
  /** The MAC address of its VXLAN device, unicast. Not needed with host-gw. Of our own entry: the one to use again. */
  readonly lladdr?: string | undefined
}

/** One node, as an entry of the leases file (docs/leases-file.md). Only our own entry may lack `underlay` and `lladdr`. */
export interface NodeLease {
  /** Unique; ours is `nodeName`. */
  readonly name: string
  /** At least one of both. */
  readonly ipv4?: NodeFamily | undefined
  readonly ipv6?: NodeFamily | undefined
}

/**
 * What a source knows at one moment, whole. `synced`: what is not among `nodes` does not exist, so that entries of the kernel may be
 * deleted; else only new ones are added, and `because` says in a sentence what is missing. Of two nodes with overlapping subnets, or
 * with one MAC, the first stays: keep an order, the oldest first.
 */
export type LeasesTold =
  | { readonly synced: true; readonly nodes: readonly NodeLease[] }
  | { readonly synced: false; readonly because: string; readonly nodes: readonly NodeLease[] }

export interface LeaseContext {
  /** Of this node. */
  readonly nodeName: string
  /**
   * To be called with everything that is known, at once or at any time, and again whenever it changes. Never throws and never calls
   * back: what cannot be read is the fault `leases.source-broken`, and what was told before stays.
   */
  readonly tell: (told: LeasesTold) => void
}

/**
 * Where the agent learns of the other nodes, and tells them of itself. What a method throws, or rejects with, is a fault that the
 * agent names and lives with.
 */
export interface LeaseSource {
  /** Follow from now on; what cannot be reached yet is waited for here. Also after `close`: net-conf said another network. */
  start(context: LeaseContext): void | Promise<void>
  /**
   * Our own entry, complete, where the source tells another one; resolves when the others will learn of it. Tried again, at longer and
   * longer distances, when it rejects or takes more than ten seconds, at which `signal` aborts. Absent: somebody else sees to it.
   */
  publish?(own: NodeLease, options: { readonly signal: AbortSignal }): Promise<void>
  /** No `tell` counts any more. */
  close(): void | Promise<void>
}
