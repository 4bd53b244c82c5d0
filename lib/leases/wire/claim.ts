/**
 * An OverlayClaim (deploy/claims.yaml): what one node says of its VTEP as an object of its own. Values as in the API.
 * Must not: read or check any (claim-facts.ts, node-claim.ts).
 */

/** Group and version; the resource is cluster-scoped. */
export const CLAIM_API = 'vtepd.dev/v1'
export const CLAIM_KIND = 'OverlayClaim'
export const CLAIMS_PATH = `/apis/${CLAIM_API}/overlayclaims`

/** Who wrote `spec`: the node's own agent, or the mirror from the Node's annotations. */
export type ClaimWriter = 'Node' | 'Mirror'

/** As in the API, not checked: texts of one family. */
export interface FamilyClaim {
  readonly underlay: string
  readonly lladdr: string
  /** Absent: it does not say. */
  readonly vni?: number
}

/** What a node may write. */
export interface ClaimSpec {
  readonly writer: ClaimWriter
  readonly ipv4?: FamilyClaim
  readonly ipv6?: FamilyClaim
}

/** What the mirror alone writes: whose claim this is, and the podCIDRs that a controller assigned. */
export interface ClaimStatus {
  readonly node: { readonly uid: string; readonly creationTimestamp: string }
  readonly subnets: readonly string[]
}

/** The object itself, beside what it says of its node. */
export interface ClaimFacts {
  /** Of the object, not of the Node. */
  readonly uid: string
  /** resourceVersion of the object. */
  readonly version: string
  /** UID of the Node that owns it; '': none. */
  readonly owner: string
  readonly spec: ClaimSpec
  readonly status: ClaimStatus | undefined
}
