/**
 * What vtepd keeps of a Kubernetes Node: the projection that every decoder makes, whatever the encoding on the wire.
 * Must not: interpret annotations (node-claim.ts).
 */
import { familyOf, type Ip, parseIp } from '../../net/ip.ts'
import { isRecord, member } from '../../util/go-json.ts'
import type { ClaimFacts } from './claim.ts'

export interface NodeFacts {
  readonly name: string
  readonly uid: string
  /** RFC 3339 in UTC, to the second: sorts as text. '' if the server sent none. */
  readonly creationTimestamp: string
  /** Only the wanted keys; empty for a Node without annotations. */
  readonly annotations: Readonly<Record<string, string>>
  /** spec.podCIDRs, or spec.podCIDR alone; empty until it is assigned. */
  readonly podCidrs: readonly string[]
  /** The status of the condition NetworkUnavailable; undefined: not set, or not our own Node. */
  readonly networkUnavailable: string | undefined
  /** status.addresses of type InternalIP, the first of each family; none of a Node that is not our own. */
  readonly internalIps: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
  /** Where these facts are not of the Node itself: the object that says them. */
  readonly claim?: ClaimFacts
}

export const NO_IPS: NodeFacts['internalIps'] = { ipv4: undefined, ipv6: undefined }

/** A Node as the API writes it in JSON → its facts; undefined when it has no name. The status is read of `ownName`. */
export function projectNode(node: unknown, wanted: ReadonlySet<string>, ownName: string): NodeFacts | undefined {
  const metadata = member(node, 'metadata')
  const name = member(metadata, 'name')
  if (typeof name !== 'string' || name === '') return undefined
  const status = name === ownName ? member(node, 'status') : undefined
  return {
    name,
    uid: textOf(member(metadata, 'uid')),
    creationTimestamp: textOf(member(metadata, 'creationTimestamp')),
    annotations: projectAnnotations(member(metadata, 'annotations'), wanted),
    podCidrs: projectPodCidrs(member(node, 'spec')),
    networkUnavailable: projectCondition(member(status, 'conditions')),
    internalIps: projectAddresses(member(status, 'addresses')),
  }
}

/**
 * Of texts in the order of the Node, the first of each family that is an address: kubelets and cloud controllers write one
 * twice, IPv6 before IPv4, or what is no address.
 */
export function firstIps(texts: readonly string[]): NodeFacts['internalIps'] {
  if (texts.length === 0) return NO_IPS
  const ips = texts.flatMap((text) => {
    try {
      return [parseIp(text)]
    } catch {
      return []
    }
  })
  const first = (family: 'ipv4' | 'ipv6'): Ip | undefined => ips.find((ip) => familyOf(ip) === family)
  return { ipv4: first('ipv4'), ipv6: first('ipv6') }
}

/** metadata.resourceVersion of an object or a list; undefined when absent. */
export function resourceVersionOf(object: unknown): string | undefined {
  const version = member(member(object, 'metadata'), 'resourceVersion')
  return typeof version === 'string' && version !== '' ? version : undefined
}

function projectAnnotations(annotations: unknown, wanted: ReadonlySet<string>): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {}
  if (!isRecord(annotations)) return kept
  for (const key of wanted) {
    const value = Object.hasOwn(annotations, key) ? annotations[key] : undefined
    if (typeof value === 'string') kept[key] = value
  }
  return kept
}

function projectPodCidrs(spec: unknown): readonly string[] {
  const many = member(spec, 'podCIDRs')
  if (Array.isArray(many) && many.length > 0)
    return many.map((cidr: unknown) => (typeof cidr === 'string' ? cidr : JSON.stringify(cidr)))
  const one = member(spec, 'podCIDR')
  return typeof one === 'string' && one !== '' ? [one] : []
}

function projectCondition(conditions: unknown): string | undefined {
  if (!Array.isArray(conditions)) return undefined
  const condition: unknown = conditions.find((entry) => member(entry, 'type') === 'NetworkUnavailable')
  return condition === undefined ? undefined : textOf(member(condition, 'status'))
}

function projectAddresses(addresses: unknown): NodeFacts['internalIps'] {
  if (!Array.isArray(addresses)) return NO_IPS
  const internal = addresses.filter((entry: unknown) => member(entry, 'type') === 'InternalIP')
  return firstIps(internal.map((entry: unknown) => textOf(member(entry, 'address'))))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
