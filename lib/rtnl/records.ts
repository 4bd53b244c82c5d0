/**
 * Links, addresses and answers between values and the records of abi.ts, as entries.ts does it for the bulk tables.
 * Owns the checks of what a caller may write into a record (RangeError). Must not: talk to the kernel.
 */
import { type Ifindex, parseIfindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip, ipFromBytes, ipToBytes } from '../net/ip.ts'
import { type Lladdr, lladdrFromBytes, lladdrToBytes } from '../net/lladdr.ts'
import { parseVni } from '../net/vni.ts'
import * as abi from './abi.ts'
import type { Address, AddressSpec, Link, LinkChange, ResolvedRoute, VxlanAttributes, VxlanSpec } from './port.ts'

const IFF_UP = 0x1
const IFF_LOOPBACK = 0x8
const IFF_LOWER_UP = 0x10000
const IFA_F_SECONDARY = 0x01
const IFA_F_NODAD = 0x02
const IFA_F_DADFAILED = 0x08
const IFA_F_DEPRECATED = 0x20
const IFA_F_TENTATIVE = 0x40
const IFA_F_PERMANENT = 0x80

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1
const TEXT_BYTES = 16
const UTF8 = { encoder: new TextEncoder(), decoder: new TextDecoder() }

/** What a plain link (veth, bridge) is created with. */
export interface PlainLink {
  readonly kind: 'bridge' | 'veth'
  readonly ifname: string
  readonly lladdr?: Lladdr | undefined
  readonly mtu?: number | undefined
}

export function afOf(family: Family): number {
  return family === 'ipv4' ? abi.AF_INET : abi.AF_INET6
}

/** 16 bytes, IPv4 in the first four. */
export function ipField(ip: Ip): Uint8Array {
  const field = new Uint8Array(16)
  field.set(ipToBytes(ip))
  return field
}

/** The records of one dump; throws RangeError when the bytes are not whole records. */
export function splitRecords<T>(bytes: Uint8Array, size: number, decode: (record: Uint8Array) => T): T[] {
  if (bytes.length % size !== 0) throw new RangeError(`${bytes.length} bytes are not records of ${size}`)
  return Array.from({ length: bytes.length / size }, (_, i) => decode(bytes.subarray(i * size, (i + 1) * size)))
}

export function decodeLink(record: Uint8Array): Link {
  const view = viewOf(record)
  const u32 = (offset: number): number => view.getUint32(offset, LITTLE_ENDIAN)
  const fields = u32(abi.LINK_FIELDS)
  const flags = u32(abi.LINK_FLAGS)
  const has = (field: number): boolean => (fields & field) !== 0
  const lladdr = record.subarray(abi.LINK_LLADDR, abi.LINK_LLADDR + 6)
  return {
    ifindex: parseIfindex(u32(abi.LINK_IFINDEX)),
    ifname: textAt(record, abi.LINK_IFNAME),
    kind: textAt(record, abi.LINK_KIND),
    mtu: u32(abi.LINK_MTU),
    lladdr: has(abi.LINK_HAS_LLADDR) ? lladdrFromBytes(lladdr) : undefined,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    master: has(abi.LINK_HAS_MASTER) ? parseIfindex(u32(abi.LINK_MASTER)) : undefined,
    parent: has(abi.LINK_HAS_PARENT) ? parseIfindex(u32(abi.LINK_PARENT)) : undefined,
    txQueueLength: u32(abi.LINK_TX_QUEUE_LENGTH),
    vxlan: has(abi.LINK_HAS_VXLAN) ? decodeVxlan(record, view, has) : undefined,
  }
}

function decodeVxlan(record: Uint8Array, view: DataView, has: (field: number) => boolean): VxlanAttributes {
  const flags = view.getUint16(abi.LINK_VXLAN_FLAGS, LITTLE_ENDIAN)
  const local = ipAt(record, abi.LINK_LOCAL_FAMILY, abi.LINK_LOCAL)
  const group = ipAt(record, abi.LINK_GROUP_FAMILY, abi.LINK_GROUP)
  const either = local ?? group
  const parent = has(abi.LINK_HAS_VXLAN_PARENT) ? view.getUint32(abi.LINK_VXLAN_PARENT, LITTLE_ENDIAN) : undefined
  return {
    vni: view.getUint32(abi.LINK_VNI, LITTLE_ENDIAN),
    underlay: either === undefined ? 'ipv4' : familyOf(either),
    local,
    parent: parent === undefined ? undefined : parseIfindex(parent),
    port: view.getUint16(abi.LINK_PORT, LITTLE_ENDIAN),
    learning: (flags & abi.VXLAN_LEARNING) !== 0,
    gbp: (flags & abi.VXLAN_GBP) !== 0,
    metadata: (flags & abi.VXLAN_METADATA) !== 0,
    l2miss: (flags & abi.VXLAN_L2MISS) !== 0,
    l3miss: (flags & abi.VXLAN_L3MISS) !== 0,
    group,
  }
}

export function decodeAddress(record: Uint8Array): Address {
  const view = viewOf(record)
  const flags = view.getUint32(abi.ADDRESS_FLAGS, LITTLE_ENDIAN)
  const ip = ipAt(record, abi.ADDRESS_FAMILY, abi.ADDRESS_IP)
  if (ip === undefined) throw new RangeError('an address record has no address')
  const has = (flag: number): boolean => (flags & flag) !== 0
  const isIpv4 = familyOf(ip) === 'ipv4'
  return {
    ifindex: parseIfindex(view.getUint32(abi.ADDRESS_IFINDEX, LITTLE_ENDIAN)),
    ip,
    prefixLength: view.getUint8(abi.ADDRESS_PREFIX_LENGTH),
    scope: view.getUint8(abi.ADDRESS_SCOPE),
    flags: {
      permanent: has(IFA_F_PERMANENT),
      tentative: has(IFA_F_TENTATIVE),
      dadFailed: has(IFA_F_DADFAILED),
      deprecated: has(IFA_F_DEPRECATED),
      temporary: !isIpv4 && has(IFA_F_SECONDARY),
      secondary: isIpv4 && has(IFA_F_SECONDARY),
      noDad: has(IFA_F_NODAD),
    },
  }
}

export function decodeResolved(record: Uint8Array): ResolvedRoute {
  return {
    oif: parseIfindex(viewOf(record).getUint32(abi.RESOLVED_OIF, LITTLE_ENDIAN)),
    gateway: ipAt(record, abi.RESOLVED_GATEWAY_FAMILY, abi.RESOLVED_GATEWAY),
    source: ipAt(record, abi.RESOLVED_SOURCE_FAMILY, abi.RESOLVED_SOURCE),
  }
}

/** A new VXLAN link, txqueuelen 0. */
export function encodeVxlan(spec: VxlanSpec): Uint8Array {
  const link = newLink()
  link.text(abi.LINK_KIND, 'vxlan')
  link.name(spec.ifname)
  link.lladdr(spec.lladdr)
  link.mtu(spec.mtu)
  link.u32(abi.LINK_TX_QUEUE_LENGTH, 0, abi.LINK_HAS_TX_QUEUE_LENGTH)
  link.u32(abi.LINK_VNI, parseVni(spec.vni), abi.LINK_HAS_VNI)
  link.local(spec.local)
  if (spec.parent !== undefined) link.u32(abi.LINK_VXLAN_PARENT, parseIfindex(spec.parent), abi.LINK_HAS_VXLAN_PARENT)
  if (spec.port !== undefined) link.port(spec.port)
  link.vxlanFlags((spec.learning ? abi.VXLAN_LEARNING : 0) | (spec.gbp ? abi.VXLAN_GBP : 0))
  return link.bytes
}

/** A new veth (either end) or bridge. */
export function encodePlainLink(spec: PlainLink): Uint8Array {
  const link = newLink()
  link.text(abi.LINK_KIND, spec.kind)
  link.name(spec.ifname)
  if (spec.lladdr !== undefined) link.lladdr(spec.lladdr)
  if (spec.mtu !== undefined) link.mtu(spec.mtu)
  return link.bytes
}

export function encodeChange(ifindex: Ifindex, change: LinkChange): Uint8Array {
  const link = newLink()
  link.u32(abi.LINK_IFINDEX, parseIfindex(ifindex), 0)
  if (change.up !== undefined) link.u32(abi.LINK_FLAGS, change.up ? IFF_UP : 0, abi.LINK_HAS_UP)
  if (change.mtu !== undefined) link.mtu(change.mtu)
  if (change.lladdr !== undefined) link.lladdr(change.lladdr)
  if (change.ifname !== undefined) link.name(change.ifname)
  if (change.master !== undefined)
    link.u32(abi.LINK_MASTER, change.master === null ? 0 : parseIfindex(change.master), abi.LINK_HAS_MASTER)
  const { local, parent, learning } = change.vxlan ?? {}
  if (local !== undefined) link.local(local)
  if (parent !== undefined) link.u32(abi.LINK_VXLAN_PARENT, parseIfindex(parent), abi.LINK_HAS_VXLAN_PARENT)
  if (learning !== undefined) {
    link.mark(abi.LINK_HAS_LEARNING)
    link.vxlanFlags(learning ? abi.VXLAN_LEARNING : 0)
  }
  return link.bytes
}

export function encodeAddress(spec: Omit<AddressSpec, 'noDad'> & { readonly noDad?: boolean }): Uint8Array {
  const bytes = new Uint8Array(abi.ADDRESS_BYTES)
  const view = viewOf(bytes)
  const bits = familyOf(spec.ip) === 'ipv4' ? 32 : 128
  view.setUint32(abi.ADDRESS_IFINDEX, parseIfindex(spec.ifindex), LITTLE_ENDIAN)
  view.setUint32(abi.ADDRESS_FLAGS, spec.noDad === true ? IFA_F_NODAD : 0, LITTLE_ENDIAN)
  view.setUint8(abi.ADDRESS_FAMILY, afOf(familyOf(spec.ip)))
  view.setUint8(abi.ADDRESS_PREFIX_LENGTH, inRange('prefix length', spec.prefixLength, 0, bits))
  bytes.set(ipField(spec.ip), abi.ADDRESS_IP)
  return bytes
}

/** 1 to 15 bytes, neither `.` nor `..`, without `/`, `:` and white space: what the kernel's dev_valid_name takes. */
export function checkIfname(name: string): string {
  const bytes = UTF8.encoder.encode(name).length
  if (bytes < 1 || bytes >= TEXT_BYTES || name === '.' || name === '..' || /[/:\s\0]/.test(name))
    throw new RangeError(`'${name}' is not an interface name`)
  return name
}

/** `value` when it is an integer within the limits; throws RangeError naming `what`. */
export function inRange(what: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${what} ${value} is outside ${least} to ${most}`)
  return value
}

function newLink() {
  const bytes = new Uint8Array(abi.LINK_BYTES)
  const view = viewOf(bytes)
  const mark = (field: number): void =>
    view.setUint32(abi.LINK_FIELDS, view.getUint32(abi.LINK_FIELDS, LITTLE_ENDIAN) | field, LITTLE_ENDIAN)
  const text = (offset: number, value: string): void => bytes.set(UTF8.encoder.encode(value), offset)
  const u32 = (offset: number, value: number, field: number): void => {
    view.setUint32(offset, value, LITTLE_ENDIAN)
    mark(field)
  }
  return {
    bytes,
    mark,
    text,
    u32,
    name(value: string): void {
      text(abi.LINK_IFNAME, checkIfname(value))
      mark(abi.LINK_HAS_NAME)
    },
    lladdr(value: Lladdr): void {
      bytes.set(lladdrToBytes(value), abi.LINK_LLADDR)
      mark(abi.LINK_HAS_LLADDR)
    },
    mtu: (value: number): void => u32(abi.LINK_MTU, inRange('MTU', value, 0, 0x7fffffff), abi.LINK_HAS_MTU),
    local(value: Ip): void {
      view.setUint8(abi.LINK_LOCAL_FAMILY, afOf(familyOf(value)))
      bytes.set(ipField(value), abi.LINK_LOCAL)
      mark(abi.LINK_HAS_LOCAL)
    },
    port(value: number): void {
      view.setUint16(abi.LINK_PORT, inRange('UDP port', value, 1, 65535), LITTLE_ENDIAN)
      mark(abi.LINK_HAS_PORT)
    },
    vxlanFlags: (value: number): void => view.setUint16(abi.LINK_VXLAN_FLAGS, value, LITTLE_ENDIAN),
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function textAt(record: Uint8Array, offset: number): string {
  const field = record.subarray(offset, offset + TEXT_BYTES)
  const end = field.indexOf(0)
  return UTF8.decoder.decode(field.subarray(0, end < 0 ? TEXT_BYTES : end))
}

function ipAt(record: Uint8Array, familyOffset: number, offset: number): Ip | undefined {
  const family = record[familyOffset]
  if (family !== abi.AF_INET && family !== abi.AF_INET6) return undefined
  return ipFromBytes(record.subarray(offset, offset + (family === abi.AF_INET ? 4 : 16)))
}
