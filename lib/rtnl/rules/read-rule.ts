/** From what the kernel says to a rule as a value. Must not: fail on anything that a kernel can hold. */
import { cidrOf } from '../../net/cidr.ts'
import { addressBits, type Ip } from '../../net/ip.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Masked, NumberRange, RuleDetails } from './rule.ts'
import * as schema from './schema.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** The kernel tells a suppressor that is not set as this. */
const UNSET = 0xffffffff
/** FRA_* that are told as they are. */
const SAME = [
  'iif',
  'oif',
  'realm',
  'tunnelId',
  'suppressInterfaceGroup',
  'ipProtocol',
  'sportMask',
  'dportMask',
] as const

/** Reads rules of IPv4 and IPv6; undefined for what is none. */
export const ruleReader: Pick<Codec<RuleDetails>, 'read'> = {
  read(view, start, end, name, faults) {
    const raw = schema.ruleMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : ruleOf(raw)
  },
}

function ruleOf(raw: schema.RawRule): RuleDetails | undefined {
  const { family, dstLength = 0, srcLength = 0, flags = 0, action = 0 } = raw
  if ((family !== 'ipv4' && family !== 'ipv6') || Math.max(dstLength, srcLength) > addressBits(family)) return undefined
  const any = (family === 'ipv4' ? '0.0.0.0' : '::') as Ip
  const has = (flag: number): boolean => (flags & flag) !== 0
  const rule: Mutable<RuleDetails> = {
    family,
    priority: raw.priority ?? 0,
    action,
    inverted: has(schema.FIB_RULE_INVERT),
    l3mdev: (raw.l3mdev ?? 0) !== 0,
    tos: raw.tos ?? 0,
    protocol: raw.protocol ?? 0,
    status: {
      unresolved: has(schema.FIB_RULE_UNRESOLVED),
      iifDetached: has(schema.FIB_RULE_IIF_DETACHED),
      oifDetached: has(schema.FIB_RULE_OIF_DETACHED),
      permanent: has(schema.FIB_RULE_PERMANENT),
    },
  }
  const table = raw.table ?? raw.shortTable ?? 0
  if (table !== 0) rule.table = table
  if (action === 'goto' && raw.goto !== undefined) rule.goto = raw.goto
  if (srcLength > 0) rule.src = cidrOf(raw.src ?? any, srcLength)
  if (dstLength > 0) rule.dst = cidrOf(raw.dst ?? any, dstLength)
  // A number of no bits is told as no attribute.
  if (raw.fwmark !== undefined || raw.fwmask !== undefined) rule.fwmark = masked(raw.fwmark ?? 0, raw.fwmask)
  if (raw.dscp !== undefined) rule.dscp = masked(raw.dscp, raw.dscpMask)
  if (raw.flowLabel !== undefined) rule.flowLabel = masked(raw.flowLabel, raw.flowLabelMask)
  for (const name of ['uidRange', 'sport', 'dport'] as const)
    if (raw[name] !== undefined) rule[name] = rangeOf(raw[name])
  const suppressed = raw.suppressPrefixLength
  if (suppressed !== undefined && suppressed !== UNSET) rule.suppressPrefixLength = suppressed
  for (const name of SAME) if (raw[name] !== undefined) Object.assign(rule, { [name]: raw[name] })
  return rule
}

function masked(value: number, mask: number | undefined): Masked {
  return mask === undefined ? { value } : { value, mask }
}

function rangeOf({ start = 0, end = 0 }: NonNullable<schema.RawRule['sport']>): NumberRange {
  return { start, end }
}
