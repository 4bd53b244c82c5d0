/**
 * What may become of a Node: names, the fields that the server owns, podCIDR immutable once set, which part of an object each
 * endpoint may change. Pure. Must not: store, or speak HTTP.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { NodeObject, NodeSpec, NodeStatus, ObjectMeta, StoredNode } from './objects.ts'
import { badRequest, conflict, internal, invalid, type StatusCause } from './status.ts'

/** `nodes`: everything but status. `status`: everything but spec (annotations and labels included: flannel writes them there). */
export type Endpoint = 'nodes' | 'status' | 'whole'

// RFC 1123 subdomain, as Kubernetes asks of a Node's name.
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

// A label's or annotation's key without its optional DNS prefix, and a label's value.
const KEY = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/

/** A new Node, ready to be stored; throws 422, or 500 for a resourceVersion, as the real one. Identity and time are the server's, never the client's. */
export function admitCreate(node: NodeObject, identity: { uid: string; creationTimestamp: string }): NodeObject {
  const { resourceVersion, deletionTimestamp: _, ...metadata } = node.metadata
  if (resourceVersion !== undefined && resourceVersion !== '') {
    throw internal('resourceVersion must not be set on an object to be created')
  }
  const spec = settlePodCidrs(node.spec ?? {})
  const causes = [...nameCauses(node.metadata.name), ...keyCauses(node.metadata), ...podCidrCauses(spec)]
  if (causes.length > 0) throw invalid('Node', node.metadata.name, causes)
  return { metadata: { ...metadata, ...identity }, spec, status: node.status ?? {} }
}

/** The object to store, or undefined when nothing changes (the resourceVersion then stays); throws 400, 409 or 422. */
export function admitUpdate(old: StoredNode, wanted: NodeObject, endpoint: Endpoint): NodeObject | undefined {
  const { name, uid, resourceVersion } = wanted.metadata
  if (name !== old.metadata.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${old.metadata.name})`)
  }
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw conflict(name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`)
  }
  if (!/^\d*$/.test(resourceVersion ?? '')) throw internal(`resourceVersion ${resourceVersion} is not a whole number`)
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion) {
    throw conflict(name, 'the object has been modified; apply your changes to its newest version and try again')
  }
  const spec = endpoint === 'status' ? old.spec : settlePodCidrs(wanted.spec ?? {})
  const status = endpoint === 'nodes' ? old.status : (wanted.status ?? {})
  const causes = [
    ...addressCauses(status),
    ...keyCauses(wanted.metadata),
    ...podCidrCauses(spec),
    ...immutableCauses(old.spec, spec),
  ]
  if (causes.length > 0) throw invalid('Node', name, causes)
  const { uid: ownUid, resourceVersion: version, creationTimestamp, deletionTimestamp } = old.metadata
  const node: StoredNode = {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: {
      ...withoutDeletion(wanted.metadata),
      uid: ownUid,
      resourceVersion: version,
      creationTimestamp,
      ...(deletionTimestamp === undefined
        ? {}
        : { deletionTimestamp, deletionGracePeriodSeconds: old.metadata.deletionGracePeriodSeconds }),
    },
    spec,
    status,
  }
  return isDeepStrictEqual(node, old) ? undefined : node
}

/** Whether and since when an object is being deleted, only the server says. */
function withoutDeletion({
  deletionTimestamp: _,
  deletionGracePeriodSeconds: __,
  ...metadata
}: ObjectMeta): ObjectMeta {
  return metadata
}

/** podCIDR is the first of podCIDRs; a differing podCIDR wins alone, as kube-apiserver's conversion has it. */
function settlePodCidrs(spec: NodeSpec): NodeSpec {
  const { podCIDR, podCIDRs, ...rest } = spec
  const listed = podCIDRs ?? []
  const all = podCIDR !== undefined && podCIDR !== '' && podCIDR !== listed[0] ? [podCIDR] : listed
  const [first] = all
  return first === undefined ? rest : { podCIDR: first, podCIDRs: all, ...rest }
}

function nameCauses(name: string): StatusCause[] {
  if (name === '') {
    return [{ reason: 'FieldValueRequired', message: 'Required value: a name is required', field: 'metadata.name' }]
  }
  if (name.length <= 253 && NAME.test(name)) return []
  const message = `Invalid value: ${JSON.stringify(name)}: not a lower-case RFC 1123 subdomain`
  return [{ reason: 'FieldValueInvalid', message, field: 'metadata.name' }]
}

/** What a strategic merge patch easily makes of two addresses of one type: its merge key is the type. */
function addressCauses({ addresses = [] }: NodeStatus): StatusCause[] {
  return addresses.flatMap(({ type, address }, index): StatusCause[] => {
    if (!addresses.slice(0, index).some((other) => other.type === type && other.address === address)) return []
    const message = `Duplicate value: ${JSON.stringify({ Type: type, Address: address })}`
    return [{ reason: 'FieldValueDuplicate', message, field: `status.addresses[${index}]` }]
  })
}

function keyCauses({ labels = {}, annotations = {} }: ObjectMeta): StatusCause[] {
  const cause = (field: string, value: string): StatusCause => {
    const message = `Invalid value: ${JSON.stringify(value)}: letters, digits, '-', '_' and '.', at most 63 of them`
    return { reason: 'FieldValueInvalid', message, field }
  }
  const badKeys = (map: object) => Object.keys(map).filter((key) => !isKey(key))
  return [
    ...badKeys(labels).map((key) => cause('metadata.labels', key)),
    ...Object.values(labels).flatMap((value) =>
      value === '' || KEY.test(value) ? [] : cause('metadata.labels', value),
    ),
    ...badKeys(annotations).map((key) => cause('metadata.annotations', key)),
  ]
}

function isKey(key: string): boolean {
  const parts = key.split('/')
  const name = parts.pop() ?? ''
  return KEY.test(name) && parts.length <= 1 && parts.every((prefix) => NAME.test(prefix.toLowerCase()))
}

function podCidrCauses(spec: NodeSpec): StatusCause[] {
  const list = spec.podCIDRs ?? []
  const causes = list.flatMap((text, index): StatusCause[] => {
    if (familyOfCidr(text) !== undefined) return []
    const message = `Invalid value: ${JSON.stringify(text)}: not a CIDR such as 10.42.0.0/24 or fd00::/64`
    return [{ reason: 'FieldValueInvalid', message, field: `spec.podCIDRs[${index}]` }]
  })
  const families = new Set(list.map(familyOfCidr))
  if (causes.length === 0 && families.size < list.length) {
    const message = `Invalid value: ${JSON.stringify(list)}: at most one CIDR of each IP family`
    causes.push({ reason: 'FieldValueInvalid', message, field: 'spec.podCIDRs' })
  }
  return causes
}

function immutableCauses(old: NodeSpec, spec: NodeSpec): StatusCause[] {
  const before = old.podCIDRs ?? []
  if (before.length === 0 || isDeepStrictEqual(before, spec.podCIDRs ?? [])) return []
  const message = 'Forbidden: podCIDR may not change once it is set'
  return [{ reason: 'FieldValueForbidden', message, field: 'spec.podCIDRs' }]
}

function familyOfCidr(text: string): 'ipv4' | 'ipv6' | undefined {
  const [address, bits, ...rest] = text.split('/')
  if (address === undefined || bits === undefined || rest.length > 0 || !/^\d{1,3}$/.test(bits)) return undefined
  // kube-apiserver 1.34 still takes 010.1.1.0/24, whatever that means.
  if (isIPv4(address.replace(/(^|\.)0+(?=\d)/g, '$1')) && Number(bits) <= 32) return 'ipv4'
  return isIPv6(address) && Number(bits) <= 128 ? 'ipv6' : undefined
}
