/**
 * What requests say of links and addresses, from values that were checked (check-specs.ts) to the records of abi.ts, as
 * entries.ts does it for the bulk tables. Must not: talk to the kernel.
 */

import * as abi from '../addon/abi.ts'
import { getUint32, setUint16, setUint32, viewOf } from '../addon/host-order.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { familyOf, type Ip, ipToBytes } from '../net/ip.ts'
import { type Lladdr, lladdrToBytes } from '../net/lladdr.ts'
import { afOf } from './entry-codec.ts'
import type { AddressSpec, Announcement, LinkChange, RouteQuery, VxlanSpec } from './port.ts'

const IFF_UP = 0x1
const IFA_F_NODAD = 0x02

const UTF8 = new TextEncoder()

/** What a plain link (veth, bridge) is created with. */
export interface PlainLink {
  readonly kind: 'bridge' | 'veth'
  readonly ifname: string
  readonly lladdr?: Lladdr | undefined
  readonly mtu?: number | undefined
}

/** 16 bytes, IPv4 in the first four. */
export function ipField(ip: Ip): Uint8Array {
  const field = new Uint8Array(16)
  field.set(ipToBytes(ip))
  return field
}

/** A new VXLAN link, txqueuelen 0. */
export function encodeVxlan(spec: VxlanSpec): Uint8Array {
  const link = newLink()
  link.text(abi.LINK_KIND, 'vxlan')
  link.name(spec.ifname)
  link.lladdr(spec.lladdr)
  link.mtu(spec.mtu)
  link.u32(abi.LINK_TX_QUEUE_LENGTH, 0, abi.LINK_HAS_TX_QUEUE_LENGTH)
  link.u32(abi.LINK_VNI, spec.vni, abi.LINK_HAS_VNI)
  link.local(spec.local)
  if (spec.parent !== undefined) link.u32(abi.LINK_VXLAN_PARENT, spec.parent, abi.LINK_HAS_VXLAN_PARENT)
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
  link.u32(abi.LINK_IFINDEX, ifindex, 0)
  if (change.up !== undefined) link.u32(abi.LINK_FLAGS, change.up ? IFF_UP : 0, abi.LINK_HAS_UP)
  if (change.mtu !== undefined) link.mtu(change.mtu)
  if (change.lladdr !== undefined) link.lladdr(change.lladdr)
  if (change.ifname !== undefined) link.name(change.ifname)
  if (change.master !== undefined)
    link.u32(abi.LINK_MASTER, change.master === null ? 0 : change.master, abi.LINK_HAS_MASTER)
  const { local, parent, learning } = change.vxlan ?? {}
  if (local !== undefined) link.local(local)
  if (parent !== undefined) link.u32(abi.LINK_VXLAN_PARENT, parent, abi.LINK_HAS_VXLAN_PARENT)
  if (learning !== undefined) {
    link.mark(abi.LINK_HAS_LEARNING)
    link.vxlanFlags(learning ? abi.VXLAN_LEARNING : 0)
  }
  return link.bytes
}

export function encodeAddress(spec: Omit<AddressSpec, 'noDad'> & { readonly noDad?: boolean }): Uint8Array {
  const bytes = new Uint8Array(abi.ADDRESS_BYTES)
  const view = viewOf(bytes)
  setUint32(view, abi.ADDRESS_IFINDEX, spec.ifindex)
  setUint32(view, abi.ADDRESS_FLAGS, spec.noDad === true ? IFA_F_NODAD : 0)
  view.setUint8(abi.ADDRESS_FAMILY, afOf(familyOf(spec.ip)))
  view.setUint8(abi.ADDRESS_PREFIX_LENGTH, spec.prefixLength)
  bytes.set(ipField(spec.ip), abi.ADDRESS_IP)
  return bytes
}

export function encodeAnnouncement({ ifindex, ip, lladdr, router, override }: Announcement): Uint8Array {
  const bytes = new Uint8Array(abi.ANNOUNCE_BYTES)
  const view = viewOf(bytes)
  setUint32(view, abi.ANNOUNCE_IFINDEX, ifindex)
  view.setUint8(abi.ANNOUNCE_FAMILY, afOf(familyOf(ip)))
  view.setUint8(abi.ANNOUNCE_FLAGS, (router ? abi.ANNOUNCE_ROUTER : 0) | (override ? abi.ANNOUNCE_OVERRIDE : 0))
  bytes.set(lladdrToBytes(lladdr), abi.ANNOUNCE_LLADDR)
  bytes.set(ipField(ip), abi.ANNOUNCE_IP)
  return bytes
}

export function encodeQuery(dst: Ip, { source, oif, iif, mark, udpPort }: RouteQuery): Uint8Array {
  const bytes = new Uint8Array(abi.QUERY_BYTES)
  const view = viewOf(bytes)
  view.setUint8(abi.QUERY_FAMILY, afOf(familyOf(dst)))
  bytes.set(ipField(dst), abi.QUERY_DST)
  if (source !== undefined) {
    view.setUint8(abi.QUERY_HAS_SOURCE, 1)
    bytes.set(ipField(source), abi.QUERY_SOURCE)
  }
  if (oif !== undefined) setUint32(view, abi.QUERY_OIF, oif)
  if (iif !== undefined) setUint32(view, abi.QUERY_IIF, iif)
  if (mark !== undefined) setUint32(view, abi.QUERY_MARK, mark)
  if (udpPort !== undefined) setUint16(view, abi.QUERY_UDP_PORT, udpPort)
  return bytes
}

function newLink() {
  const bytes = new Uint8Array(abi.LINK_BYTES)
  const view = viewOf(bytes)
  const mark = (field: number): void => setUint32(view, abi.LINK_FIELDS, getUint32(view, abi.LINK_FIELDS) | field)
  const text = (offset: number, value: string): void => bytes.set(UTF8.encode(value), offset)
  const u32 = (offset: number, value: number, field: number): void => {
    setUint32(view, offset, value)
    mark(field)
  }
  return {
    bytes,
    mark,
    text,
    u32,
    name(value: string): void {
      text(abi.LINK_IFNAME, value)
      mark(abi.LINK_HAS_NAME)
    },
    lladdr(value: Lladdr): void {
      bytes.set(lladdrToBytes(value), abi.LINK_LLADDR)
      mark(abi.LINK_HAS_LLADDR)
    },
    mtu: (value: number): void => u32(abi.LINK_MTU, value, abi.LINK_HAS_MTU),
    local(value: Ip): void {
      view.setUint8(abi.LINK_LOCAL_FAMILY, afOf(familyOf(value)))
      bytes.set(ipField(value), abi.LINK_LOCAL)
      mark(abi.LINK_HAS_LOCAL)
    },
    port(value: number): void {
      setUint16(view, abi.LINK_PORT, value)
      mark(abi.LINK_HAS_PORT)
    },
    vxlanFlags: (value: number): void => setUint16(view, abi.LINK_VXLAN_FLAGS, value),
  }
}
