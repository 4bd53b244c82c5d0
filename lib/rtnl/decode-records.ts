/**
 * What the addon brings of links, addresses and answers, from the records of abi.ts to values. The bytes may be anything:
 * every value that the kernel can hold is read, and a record that is none is undefined.
 * Must not: throw, or call a parser of what people write.
 */

import * as abi from '../addon/abi.ts'
import { getUint16, getUint32, viewOf } from '../addon/host-order.ts'
import { type Cidr, cidrOf } from '../net/cidr.ts'
import { toIfindex } from '../net/ifindex.ts'
import { addressBits, familyOf, type Ip, ipFromBytes } from '../net/ip.ts'
import { lladdrFromBytes } from '../net/lladdr.ts'
import { createUnreadableTally, type Unreadable } from '../netlink/unreadable.ts'
import type { Address, AddressFlags, Link, ResolvedRoute, Rule, VxlanAttributes } from './port.ts'

const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_NOARP = 0x80
const IFF_LOWER_UP = 0x10000
const IFA_F_SECONDARY = 0x01
const IFA_F_NODAD = 0x02
const IFA_F_OPTIMISTIC = 0x04
const IFA_F_DADFAILED = 0x08
const IFA_F_DEPRECATED = 0x20
const IFA_F_TENTATIVE = 0x40
const IFA_F_PERMANENT = 0x80

const TEXT_BYTES = 16
/** A name may be any bytes: what is no UTF-8 reads U+FFFD, and a byte order mark is a character. */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** The records of one dump, `size` bytes each; what `read` does not know, or is cut off, is left out and named. */
export function decodeRecords<T>(
  bytes: Uint8Array,
  size: number,
  read: (record: Uint8Array) => T | undefined,
): { value: T[]; unreadable: Unreadable | undefined } {
  const value: T[] = []
  const tally = createUnreadableTally()
  for (let at = 0; at < bytes.length; at += size) {
    const record = bytes.subarray(at, at + size)
    const one = record.length === size ? read(record) : undefined
    if (one === undefined) tally.add(record)
    else value.push(one)
  }
  return { value, unreadable: tally.found }
}

/** A dump of links, with the alternative names that came beside it. */
export function decodeLinks(
  bytes: Uint8Array,
  altnames: Uint8Array,
): { value: Link[]; unreadable: Unreadable | undefined } {
  const names = new Map<number, string[]>()
  for (let at = 0; at + abi.ALTNAME_BYTES <= altnames.length; at += abi.ALTNAME_BYTES) {
    const record = altnames.subarray(at, at + abi.ALTNAME_BYTES)
    const ifindex = getUint32(viewOf(record), abi.ALTNAME_IFINDEX)
    const of = names.get(ifindex) ?? []
    names.set(ifindex, of)
    of.push(textAt(record, abi.ALTNAME_NAME, abi.ALTNAME_BYTES - abi.ALTNAME_NAME))
  }
  const { value, unreadable } = decodeRecords(bytes, abi.LINK_BYTES, decodeLink)
  return { value: value.map((link) => ({ ...link, altnames: names.get(link.ifindex) ?? [] })), unreadable }
}

/** LINK_BYTES of a link that the kernel has; its alternative names stand elsewhere. */
export function decodeLink(record: Uint8Array): Link | undefined {
  if (record.length !== abi.LINK_BYTES) return undefined
  const view = viewOf(record)
  const ifindex = toIfindex(getUint32(view, abi.LINK_IFINDEX))
  if (ifindex === undefined) return undefined
  const fields = getUint32(view, abi.LINK_FIELDS)
  const flags = getUint32(view, abi.LINK_FLAGS)
  const has = (field: number): boolean => (fields & field) !== 0
  const linkAt = (field: number, offset: number) => (has(field) ? toIfindex(getUint32(view, offset)) : undefined)
  const lladdr = record.subarray(abi.LINK_LLADDR, abi.LINK_LLADDR + 6)
  return {
    ifindex,
    ifname: textAt(record, abi.LINK_IFNAME),
    altnames: [],
    kind: textAt(record, abi.LINK_KIND),
    mtu: getUint32(view, abi.LINK_MTU),
    lladdr: has(abi.LINK_HAS_LLADDR) ? lladdrFromBytes(lladdr) : undefined,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    noArp: (flags & IFF_NOARP) !== 0,
    master: linkAt(abi.LINK_HAS_MASTER, abi.LINK_MASTER),
    parent: linkAt(abi.LINK_HAS_PARENT, abi.LINK_PARENT),
    txQueueLength: getUint32(view, abi.LINK_TX_QUEUE_LENGTH),
    vxlan: has(abi.LINK_HAS_VXLAN) ? decodeVxlan(record, view, has(abi.LINK_HAS_VXLAN_PARENT)) : undefined,
  }
}

function decodeVxlan(record: Uint8Array, view: DataView, pinned: boolean): VxlanAttributes {
  const flags = getUint16(view, abi.LINK_VXLAN_FLAGS)
  const local = ipAt(record, abi.LINK_LOCAL_FAMILY, abi.LINK_LOCAL)
  const group = ipAt(record, abi.LINK_GROUP_FAMILY, abi.LINK_GROUP)
  const either = local ?? group
  return {
    vni: getUint32(view, abi.LINK_VNI),
    underlay: either === undefined ? 'ipv4' : familyOf(either),
    local,
    parent: pinned ? toIfindex(getUint32(view, abi.LINK_VXLAN_PARENT)) : undefined,
    port: getUint16(view, abi.LINK_PORT),
    learning: (flags & abi.VXLAN_LEARNING) !== 0,
    gbp: (flags & abi.VXLAN_GBP) !== 0,
    metadata: (flags & abi.VXLAN_METADATA) !== 0,
    l2miss: (flags & abi.VXLAN_L2MISS) !== 0,
    l3miss: (flags & abi.VXLAN_L3MISS) !== 0,
    group,
  }
}

/** ADDRESS_BYTES of an address that a link has. */
export function decodeAddress(record: Uint8Array): Address | undefined {
  if (record.length !== abi.ADDRESS_BYTES) return undefined
  const view = viewOf(record)
  const ifindex = toIfindex(getUint32(view, abi.ADDRESS_IFINDEX))
  const ip = ipAt(record, abi.ADDRESS_FAMILY, abi.ADDRESS_IP)
  const prefixLength = view.getUint8(abi.ADDRESS_PREFIX_LENGTH)
  if (ifindex === undefined || ip === undefined || prefixLength > addressBits(familyOf(ip))) return undefined
  return {
    ifindex,
    ip,
    prefixLength,
    scope: view.getUint8(abi.ADDRESS_SCOPE),
    protocol: view.getUint8(abi.ADDRESS_PROTOCOL),
    flags: decodeAddressFlags(getUint32(view, abi.ADDRESS_FLAGS), familyOf(ip) === 'ipv4'),
  }
}

function decodeAddressFlags(flags: number, isIpv4: boolean): AddressFlags {
  const has = (flag: number): boolean => (flags & flag) !== 0
  return {
    permanent: has(IFA_F_PERMANENT),
    tentative: has(IFA_F_TENTATIVE),
    optimistic: has(IFA_F_OPTIMISTIC),
    dadFailed: has(IFA_F_DADFAILED),
    deprecated: has(IFA_F_DEPRECATED),
    temporary: !isIpv4 && has(IFA_F_SECONDARY),
    secondary: isIpv4 && has(IFA_F_SECONDARY),
    noDad: has(IFA_F_NODAD),
  }
}

/** RESOLVED_BYTES that answer "which route reaches X". */
export function decodeResolved(record: Uint8Array): ResolvedRoute | undefined {
  if (record.length !== abi.RESOLVED_BYTES) return undefined
  const view = viewOf(record)
  const mtu = getUint32(view, abi.RESOLVED_MTU)
  return {
    oif: toIfindex(getUint32(view, abi.RESOLVED_OIF)),
    table: getUint32(view, abi.RESOLVED_TABLE),
    mtu: mtu === 0 ? undefined : mtu,
    gateway: ipAt(record, abi.RESOLVED_GATEWAY_FAMILY, abi.RESOLVED_GATEWAY),
    source: ipAt(record, abi.RESOLVED_SOURCE_FAMILY, abi.RESOLVED_SOURCE),
  }
}

/** RULE_BYTES of a policy rule. */
export function decodeRule(record: Uint8Array): Rule | undefined {
  if (record.length !== abi.RULE_BYTES) return undefined
  const view = viewOf(record)
  const fields = getUint32(view, abi.RULE_FIELDS)
  const has = (field: number): boolean => (fields & field) !== 0
  const any = ipAt(record, abi.RULE_FAMILY, abi.RULE_SRC)
  const [srcLength, dstLength] = [view.getUint8(abi.RULE_SRC_LENGTH), view.getUint8(abi.RULE_DST_LENGTH)]
  if (any === undefined || Math.max(srcLength, dstLength) > addressBits(familyOf(any))) return undefined
  const prefixAt = (offset: number, length: number): Cidr | undefined => {
    const ip = ipAt(record, abi.RULE_FAMILY, offset)
    return length === 0 || ip === undefined ? undefined : cidrOf(ip, length)
  }
  return {
    priority: getUint32(view, abi.RULE_PRIORITY),
    table: getUint32(view, abi.RULE_TABLE),
    action: view.getUint8(abi.RULE_ACTION),
    inverted: has(abi.RULE_INVERTED),
    src: prefixAt(abi.RULE_SRC, srcLength),
    dst: prefixAt(abi.RULE_DST, dstLength),
    iif: has(abi.RULE_HAS_IIF) ? textAt(record, abi.RULE_IIF) : undefined,
    oif: has(abi.RULE_HAS_OIF) ? textAt(record, abi.RULE_OIF) : undefined,
    fwmark: has(abi.RULE_HAS_MARK)
      ? { value: getUint32(view, abi.RULE_MARK), mask: getUint32(view, abi.RULE_MASK) }
      : undefined,
    more: has(abi.RULE_HAS_MORE),
  }
}

function textAt(record: Uint8Array, offset: number, length = TEXT_BYTES): string {
  const field = record.subarray(offset, offset + length)
  const end = field.indexOf(0)
  return UTF8.decode(field.subarray(0, end < 0 ? length : end))
}

function ipAt(record: Uint8Array, familyOffset: number, offset: number): Ip | undefined {
  const family = record[familyOffset]
  if (family !== abi.AF_INET && family !== abi.AF_INET6) return undefined
  return ipFromBytes(record.subarray(offset, offset + (family === abi.AF_INET ? 4 : 16)))
}
