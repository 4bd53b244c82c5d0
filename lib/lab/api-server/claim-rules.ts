/**
 * What an OverlayClaim and a Lease may say: the schemas of deploy/claims.yaml and of coordination.k8s.io as far as vtepd meets
 * them, with the rule that an lladdr never changes. Pure. Must not: store, or know who asks.
 */
import { isIPv4, isIPv6 } from 'node:net'
import { isJsonObject, type Json, type JsonObject } from './objects.ts'
import type { StatusCause } from './status.ts'

const LLADDR = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/
const FAMILIES = { ipv4: isIPv4, ipv6: isIPv6 } as const
const MAX_VNI = 0xff_ffff

/** Unknown fields are dropped, as by a structural schema. */
export function pruneClaim(object: JsonObject): JsonObject {
  const { spec, status, ...rest } = object
  const families = Object.keys(FAMILIES).map((family) => [
    family,
    pick(of(spec, family), ['underlay', 'lladdr', 'vni']),
  ])
  const pruned = { ...pick(spec, ['writer']), ...Object.fromEntries(families.filter(([, part]) => part !== undefined)) }
  const node = pick(of(status, 'node'), ['uid', 'creationTimestamp'])
  return {
    ...rest,
    ...(spec === undefined ? {} : { spec: pruned }),
    ...(status === undefined
      ? {}
      : { status: { ...pick(status, ['subnets']), ...(node === undefined ? {} : { node }) } }),
  }
}

/** Why `next` cannot be stored in place of `old`; none: it can. */
export function claimCauses(old: JsonObject | undefined, next: JsonObject): StatusCause[] {
  const spec = next.spec
  if (!isJsonObject(spec)) return [cause('spec', 'Required value', 'FieldValueRequired')]
  const writer = ['Node', 'Mirror'].includes(String(spec.writer))
    ? []
    : [cause('spec.writer', 'Unsupported value', 'FieldValueNotSupported')]
  return [
    ...writer,
    ...(Object.keys(FAMILIES) as (keyof typeof FAMILIES)[]).flatMap((family) => familyCauses(family, old, spec)),
    ...statusCauses(next.status),
  ]
}

function familyCauses(family: keyof typeof FAMILIES, old: JsonObject | undefined, spec: JsonObject): StatusCause[] {
  const part = spec[family]
  const before = of(old?.spec, family)
  const at = `spec.${family}`
  if (part === undefined)
    return before === undefined ? [] : [cause('spec', 'Invalid value: a family that is claimed stays claimed')]
  if (!isJsonObject(part)) return [cause(at, 'Invalid value: not an object', 'FieldValueTypeInvalid')]
  const { underlay, lladdr, vni } = part
  return [
    ...(typeof underlay === 'string' && FAMILIES[family](underlay) ? [] : [cause(`${at}.underlay`, 'Invalid value')]),
    ...(typeof lladdr === 'string' && LLADDR.test(lladdr) ? [] : [cause(`${at}.lladdr`, 'Invalid value')]),
    ...(vni === undefined || (Number.isInteger(vni) && Number(vni) >= 1 && Number(vni) <= MAX_VNI)
      ? []
      : [cause(`${at}.vni`, 'Invalid value')]),
    ...(isJsonObject(before) && before.lladdr !== lladdr
      ? [cause(`${at}.lladdr`, 'Invalid value: the lladdr of a claim never changes')]
      : []),
  ]
}

function statusCauses(status: Json | undefined): StatusCause[] {
  if (status === undefined) return []
  const subnets = of(status, 'subnets')
  const texts = Array.isArray(subnets) && subnets.length <= 2 && subnets.every((one) => typeof one === 'string')
  const uid = of(of(status, 'node'), 'uid')
  return [
    ...(texts ? [] : [cause('status.subnets', 'Invalid value')]),
    ...(typeof uid === 'string' ? [] : [cause('status.node.uid', 'Required value', 'FieldValueRequired')]),
  ]
}

function cause(field: string, message: string, reason = 'FieldValueInvalid'): StatusCause {
  return { reason, message, field }
}

function of(value: Json | undefined, key: string): Json | undefined {
  return isJsonObject(value) ? value[key] : undefined
}

function pick(value: Json | undefined, keys: readonly string[]): JsonObject | undefined {
  if (!isJsonObject(value)) return undefined
  return Object.fromEntries(keys.flatMap((key) => (value[key] === undefined ? [] : [[key, value[key]]])))
}
