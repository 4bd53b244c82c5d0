/**
 * What a Node says and the claim that stands for it → the one thing to do next, and for how long that has to be so before it is
 * done. Pure. Must not: write anything.
 */
import type { AnnotationKeys } from '../leases/annotations.ts'
import type { ClaimedNode } from '../leases/claims/claim-api.ts'
import { canBecome, claimText, familiesOf } from '../leases/claims/claim-spec.ts'
import type { ClaimSpec, ClaimStatus } from '../leases/wire/claim.ts'
import type { NodeFacts } from '../leases/wire/node-facts.ts'

export type Step =
  /** `uid`: of the Node. */
  | { readonly kind: 'apply'; readonly uid: string; readonly spec: ClaimSpec }
  | { readonly kind: 'status'; readonly status: ClaimStatus }
  /** `uid`: of the claim. */
  | { readonly kind: 'delete'; readonly uid: string }

export interface Plan {
  readonly step: Step
  /** Milliseconds: the same has to be planned for so long. */
  readonly patience: number
}

/**
 * A node's agent writes annotations and claim one after the other, and the two are told by two streams: only what differs for
 * longer is meant, as where flannel has taken the node over.
 */
export const DIFFERS_MS = 30_000
/** The claim of a Node that was made anew: its stream may be the faster one. */
export const REMADE_MS = 2000

/** undefined: nothing is to be done. */
export function planClaim(
  node: NodeFacts | undefined,
  claim: ClaimedNode | undefined,
  keys: AnnotationKeys,
): Plan | undefined {
  const wanted = node === undefined ? undefined : familiesOf(node, keys)
  if (claim === undefined)
    return node === undefined || wanted === undefined ? undefined : { step: apply(node, wanted), patience: 0 }
  const remove: Step = { kind: 'delete', uid: claim.claim.uid }
  // The garbage collector is usually faster, by the owner.
  if (node === undefined) return { step: remove, patience: DIFFERS_MS }
  if (claim.claim.owner !== node.uid) return { step: remove, patience: REMADE_MS }
  const status = statusOf(node)
  if (status !== undefined && JSON.stringify(status) !== JSON.stringify(claim.claim.status))
    return { step: { kind: 'status', status }, patience: 0 }
  if (wanted === undefined) return { step: remove, patience: DIFFERS_MS }
  if (claimText(wanted) === claimText(claim.claim.spec)) return undefined
  const patience = claim.claim.spec.writer === 'Mirror' ? 0 : DIFFERS_MS
  return { step: canBecome(claim.claim.spec, wanted) ? apply(node, wanted) : remove, patience }
}

function apply(node: NodeFacts, wanted: Omit<ClaimSpec, 'writer'>): Step {
  return { kind: 'apply', uid: node.uid, spec: { writer: 'Mirror', ...wanted } }
}

/** undefined: no podCIDR is assigned yet. */
function statusOf({ uid, creationTimestamp, podCidrs }: NodeFacts): ClaimStatus | undefined {
  return podCidrs.length === 0 ? undefined : { node: { uid, creationTimestamp }, subnets: podCidrs }
}
