/** From what the kernel says to an address as a value. Must not: fail on anything that a kernel can hold. */
import { toIfindex } from '../../net/ifindex.ts'
import { addressBits } from '../../net/ip.ts'
import type { Codec } from '../../netlink/codec.ts'
import { CLOCK_TICKS } from '../../netlink/derived.ts'
import type { AddressDetails, AddressStatus, Lifetime } from './address.ts'
import * as schema from './schema.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** By flags, and whether IPv4: at most some hundred. */
const statuses = new Map<number, AddressStatus>()

const STATUS_MASK =
  schema.IFA_F_SECONDARY |
  schema.IFA_F_DADFAILED |
  schema.IFA_F_DEPRECATED |
  schema.IFA_F_TENTATIVE |
  schema.IFA_F_PERMANENT |
  schema.IFA_F_STABLE_PRIVACY

function statusOf(flags: number, isIpv4: boolean): AddressStatus {
  const key = ((flags & STATUS_MASK) << 1) | (isIpv4 ? 1 : 0)
  const known = statuses.get(key)
  if (known !== undefined) return known
  const has = (flag: number): boolean => (flags & flag) !== 0
  const status = Object.freeze({
    permanent: has(schema.IFA_F_PERMANENT),
    tentative: has(schema.IFA_F_TENTATIVE),
    dadFailed: has(schema.IFA_F_DADFAILED),
    deprecated: has(schema.IFA_F_DEPRECATED),
    secondary: isIpv4 && has(schema.IFA_F_SECONDARY),
    temporary: !isIpv4 && has(schema.IFA_F_SECONDARY),
    stablePrivacy: has(schema.IFA_F_STABLE_PRIVACY),
  })
  statuses.set(key, status)
  return status
}

/** Reads addresses of IPv4 and IPv6; undefined for what is none. */
export const addressReader: Pick<Codec<AddressDetails>, 'read'> = {
  read(view, start, end, name, faults) {
    const raw = schema.addressMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : addressOf(raw)
  },
}

function addressOf(raw: schema.RawAddress): AddressDetails | undefined {
  const { family, prefixLength = 0, local, address, cacheinfo } = raw
  const ifindex = toIfindex(raw.ifindex ?? 0)
  const ip = local ?? address
  if (ip === undefined || ifindex === undefined || (family !== 'ipv4' && family !== 'ipv6')) return undefined
  if (prefixLength > addressBits(family)) return undefined
  const flags = raw.flags ?? raw.shortFlags ?? 0
  const has = (flag: number): boolean => (flags & flag) !== 0
  const value: Mutable<AddressDetails> = {
    family,
    ifindex,
    ip,
    prefixLength,
    scope: raw.scope ?? 'universe',
    valid: lifetimeOf(cacheinfo?.valid),
    // Of one that stays for ever IPv4 says that it is preferred for ever, deprecated or not.
    preferred: has(schema.IFA_F_PERMANENT) && has(schema.IFA_F_DEPRECATED) ? 0 : lifetimeOf(cacheinfo?.preferred),
    noDad: has(schema.IFA_F_NODAD),
    noPrefixRoute: has(schema.IFA_F_NOPREFIXROUTE),
    mcAutoJoin: has(schema.IFA_F_MCAUTOJOIN),
    manageTempAddr: has(schema.IFA_F_MANAGETEMPADDR),
    home: has(schema.IFA_F_HOMEADDRESS),
    optimistic: has(schema.IFA_F_OPTIMISTIC),
    status: statusOf(flags, family === 'ipv4'),
  }
  if (address !== undefined && address !== ip) value.peer = address
  if (raw.broadcast !== undefined) value.broadcast = raw.broadcast
  if (raw.anycast !== undefined) value.anycast = raw.anycast
  if (raw.label !== undefined) value.label = raw.label
  if (raw.metric !== undefined) value.metric = raw.metric
  if (raw.protocol !== undefined) value.protocol = raw.protocol
  if (cacheinfo?.created !== undefined) value.created = cacheinfo.created / CLOCK_TICKS
  if (cacheinfo?.updated !== undefined) value.updated = cacheinfo.updated / CLOCK_TICKS
  return value
}

function lifetimeOf(seconds = schema.INFINITY): Lifetime {
  return seconds === schema.INFINITY ? 'forever' : seconds
}
