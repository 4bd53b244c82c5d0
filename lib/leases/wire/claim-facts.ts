/**
 * An OverlayClaim → the facts of the Node that it stands for. Must not: check addresses (node-claim.ts does, as for
 * annotations), or talk to a server.
 */

import { member } from '../../util/go-json.ts'
import type { AnnotationKeys } from '../annotations.ts'
import type { ClaimFacts, ClaimSpec, ClaimStatus, FamilyClaim } from './claim.ts'
import { NO_IPS, type NodeFacts } from './node-facts.ts'

/**
 * An object of the API → what its Node would say; undefined when it has no name. A claim whose status is missing, or is of
 * another Node than its owner, claims nothing yet: it has no annotations.
 */
export function projectClaim(object: unknown, keys: AnnotationKeys): (NodeFacts & { claim: ClaimFacts }) | undefined {
  const metadata = member(object, 'metadata')
  const name = textOf(member(metadata, 'name'))
  if (name === '') return undefined
  const spec = readSpec(member(object, 'spec'))
  const status = readStatus(member(object, 'status'))
  const owner = readOwner(member(metadata, 'ownerReferences'))
  const counts = status !== undefined && status.node.uid === owner
  return {
    name,
    uid: status?.node.uid ?? '',
    creationTimestamp: status?.node.creationTimestamp ?? '',
    annotations: counts ? annotationsOf(spec, keys) : {},
    podCidrs: status?.subnets ?? [],
    networkUnavailable: undefined,
    internalIps: NO_IPS,
    claim: {
      uid: textOf(member(metadata, 'uid')),
      version: textOf(member(metadata, 'resourceVersion')),
      owner,
      spec,
      status,
    },
  }
}

/** What a Node with this claim has as its annotations. */
function annotationsOf(spec: ClaimSpec, keys: AnnotationKeys): Record<string, string> {
  const said: Record<string, string> = { [keys.subnetManager]: 'true', [keys.backendType]: 'vxlan' }
  for (const family of ['ipv4', 'ipv6'] as const) {
    const part = spec[family]
    if (part === undefined) continue
    const { vni, lladdr, underlay } = part
    said[keys[family].backendData] = JSON.stringify({ ...(vni === undefined ? {} : { VNI: vni }), VtepMAC: lladdr })
    said[keys[family].publicIp] = underlay
  }
  return said
}

function readSpec(spec: unknown): ClaimSpec {
  const ipv4 = readFamily(member(spec, 'ipv4'))
  const ipv6 = readFamily(member(spec, 'ipv6'))
  return {
    writer: member(spec, 'writer') === 'Mirror' ? 'Mirror' : 'Node',
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
  }
}

function readFamily(part: unknown): FamilyClaim | undefined {
  if (part === undefined || part === null) return undefined
  const vni = member(part, 'vni')
  return {
    underlay: textOf(member(part, 'underlay')),
    lladdr: textOf(member(part, 'lladdr')),
    ...(typeof vni === 'number' ? { vni } : {}),
  }
}

function readStatus(status: unknown): ClaimStatus | undefined {
  const node = member(status, 'node')
  const uid = textOf(member(node, 'uid'))
  const subnets = member(status, 'subnets')
  if (uid === '' || !Array.isArray(subnets)) return undefined
  return { node: { uid, creationTimestamp: textOf(member(node, 'creationTimestamp')) }, subnets: subnets.map(textOf) }
}

/** Of several owners the last Node: server-side apply by two writers may leave the one of before. */
function readOwner(owners: unknown): string {
  if (!Array.isArray(owners)) return ''
  const node: unknown = owners.findLast((owner: unknown) => member(owner, 'kind') === 'Node')
  return textOf(member(node, 'uid'))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
