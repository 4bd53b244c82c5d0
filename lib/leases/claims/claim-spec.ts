/**
 * Annotations of a Node → the spec of its claim, and the objects by which claims are written. Whoever writes a claim writes
 * what the annotations say, so that the two agree. Pure. Must not: send anything (claim-api.ts).
 */
import { LeaseError } from '../../errors.ts'
import { type Family, parseIpOf } from '../../net/ip.ts'
import { type AnnotationKeys, parseBackendData } from '../annotations.ts'
import { CLAIM_API, CLAIM_KIND, type ClaimSpec, type ClaimStatus, type FamilyClaim } from '../wire/claim.ts'
import type { NodeFacts } from '../wire/node-facts.ts'

/** A claim without who wrote it. */
export type ClaimedFamilies = Pick<ClaimSpec, 'ipv4' | 'ipv6'>

/** undefined: it does not take part, or no family can be read. A family that cannot be read is left out, as readers of annotations do. */
export function familiesOf(
  node: Pick<NodeFacts, 'name' | 'annotations'>,
  keys: AnnotationKeys,
): ClaimedFamilies | undefined {
  const { annotations } = node
  if (annotations[keys.subnetManager] !== 'true' || annotations[keys.backendType] !== 'vxlan') return undefined
  const ipv4 = readFamily('ipv4', node, keys)
  const ipv6 = readFamily('ipv6', node, keys)
  if (ipv4 === undefined && ipv6 === undefined) return undefined
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) }
}

function readFamily(
  family: Family,
  { name, annotations }: Pick<NodeFacts, 'name' | 'annotations'>,
  keys: AnnotationKeys,
): FamilyClaim | undefined {
  const { backendData, publicIp } = keys[family]
  const data = annotations[backendData]
  const ip = annotations[publicIp]
  // An IPv6-only flannel writes the text `null` for the family that it does not run.
  if (data === undefined || data === 'null' || ip === undefined || ip === '') return undefined
  try {
    const { lladdr, vni } = parseBackendData(name, backendData, data)
    return { underlay: parseIpOf(family, ip), lladdr, ...(vni === undefined ? {} : { vni }) }
  } catch (error) {
    if (error instanceof LeaseError || error instanceof RangeError) return undefined
    throw error
  }
}

/** Equal texts: the same is claimed, whoever wrote it. */
export function claimText({ ipv4, ipv6 }: ClaimedFamilies): string {
  const row = (part: FamilyClaim | undefined): unknown => part && [part.underlay, part.lladdr, part.vni ?? null]
  return JSON.stringify([row(ipv4) ?? null, row(ipv6) ?? null])
}

/** Whether an object with `before` can become one with `after`: an lladdr never changes, a family that is claimed stays. */
export function canBecome(before: ClaimedFamilies, after: ClaimedFamilies): boolean {
  return (['ipv4', 'ipv6'] as const).every(
    (family) => before[family] === undefined || before[family]?.lladdr === after[family]?.lladdr,
  )
}

/** For server-side apply; `uid` is that of the Node, which the claim ends with. */
export function claimObject(name: string, uid: string, spec: ClaimSpec): object {
  const owner = { apiVersion: 'v1', kind: 'Node', name, uid }
  return { apiVersion: CLAIM_API, kind: CLAIM_KIND, metadata: { name, ownerReferences: [owner] }, spec }
}

/** For server-side apply on the status endpoint. */
export function statusObject(name: string, status: ClaimStatus): object {
  return { apiVersion: CLAIM_API, kind: CLAIM_KIND, metadata: { name }, status }
}
