/**
 * Our own VXLAN device as it should be: its attributes, its overlay address, and what an existing link lacks to be it.
 * Must not: decide when to mend or re-create (machine.ts), or talk to the kernel.
 */

import type { Backend, VxlanNetwork } from '../cluster/network.ts'
import { type Cidr, cidrOf, contains, networkAddress } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits, type Family, familyOf, isLinkLocal } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { LEAST_MTU, vxlanOverhead } from '../net/mtu.ts'
import type { Address, AddressSpec, Link, LinkChange, VxlanAttributes, VxlanSpec } from '../rtnl/port.ts'
import { noRoom, type Underlay } from '../underlay/underlay.ts'

/** The UDP port that Linux gives a VXLAN device whose creation names none (vxlan.c; not IANA's 4789). */
export const KERNEL_VXLAN_PORT = 8472

const GREATEST_MTU = 65535

export interface WantedDevice {
  /** What a creation would send. Its MTU is already limited where the kernel would clamp silently (pinned). */
  readonly spec: VxlanSpec
  /** Of the underlay and of the overlay alike: one device carries one family. */
  readonly family: Family
  /** Where a pinned device hangs, also an adopted one that nobody asked to be pinned. */
  readonly underlay: Underlay
}

/** flannel's names, which clean-up scripts of distributions know (flannel-contract 5 and 14). */
export function deviceName(family: Family, vni: number): string {
  return `${family === 'ipv4' ? 'flannel' : 'flannel-v6'}.${vni}`
}

/** What carries a family's packets, in words: the device, or the backend that has none. */
export function carrierName(family: Family, backend: Backend): string {
  if (backend.type === 'vxlan') return deviceName(family, backend.vni)
  return family === 'ipv4' ? 'host-gw' : 'host-gw-v6'
}

/** By name and kind: flannel's, or that of a vtepd with another VNI. */
export function isOverlayDevice({ ifname, vxlan }: Link): boolean {
  return vxlan !== undefined && /^flannel(-v6)?\.[0-9]+$/.test(ifname)
}

/** `waiting` says which MTU is out of range; it can become right when the interface's does. */
export function wantedDevice(
  network: Pick<VxlanNetwork, 'backend'>,
  family: Family,
  underlay: Underlay,
  lladdr: Lladdr,
): WantedDevice | { readonly waiting: string } {
  const { vni, port, learning, gbp, pinDevice, mtu: outer } = network.backend
  const asked = (outer ?? underlay.mtu) - vxlanOverhead(family)
  const mtu = Math.min(asked, pinDevice ? underlay.mtu - vxlanOverhead(family) : GREATEST_MTU, GREATEST_MTU)
  if (mtu < LEAST_MTU[family]) {
    const source =
      mtu === asked && outer !== undefined ? `Backend.MTU ${outer}` : `MTU ${underlay.mtu} of ${underlay.ifname}`
    return { waiting: noRoom(family, source) }
  }
  const parent = pinDevice ? underlay.ifindex : undefined
  const ifname = deviceName(family, vni)
  return { spec: { ifname, vni, local: underlay.local, parent, lladdr, mtu, port, learning, gbp }, family, underlay }
}

/** One attribute in which a link is not what is wanted; `actual` and `wanted` are for people. */
export type Difference =
  | {
      readonly mend: 'in-place'
      readonly attribute: string
      readonly actual: string
      readonly wanted: string
      readonly change: LinkChange
    }
  | { readonly mend: 're-create'; readonly attribute: string; readonly actual: string; readonly wanted: string }

/**
 * Empty: the link is our device. Evidence for what changes in place: kernel-facts 3. A pinned device stays acceptable when
 * an unpinned one is wanted (design decision 1), but then hangs on the chosen interface; not compared, as in flannel:
 * txqueuelen, TTL, ageing. Nor the master: a device may be put into a VRF on purpose.
 */
export function compatible(link: Link, wanted: WantedDevice): readonly Difference[] {
  if (link.vxlan === undefined) {
    return [{ mend: 're-create', attribute: 'kind', actual: link.kind === '' ? 'none' : link.kind, wanted: 'vxlan' }]
  }
  const fixed = unchangeable(link.vxlan, wanted)
  return fixed.length > 0 ? fixed : changeable(link, link.vxlan, wanted)
}

/** All in-place differences as one message; undefined when there are none or one of them needs re-creation. */
export function mendingChange(differences: readonly Difference[]): LinkChange | undefined {
  let change: LinkChange | undefined
  for (const difference of differences) {
    if (difference.mend === 're-create') return undefined
    const vxlan = { ...change?.vxlan, ...difference.change.vxlan }
    change = { ...change, ...difference.change, ...(Object.keys(vxlan).length === 0 ? {} : { vxlan }) }
  }
  return change
}

/** What the kernel refuses to change, or accepts without effect (unpinning; pinning what was unpinned is not relied on). */
function unchangeable(actual: VxlanAttributes, { spec, family }: WantedDevice): Difference[] {
  const found: Difference[] = []
  const must = (attribute: string, is: unknown, shall: unknown): void => {
    if (is !== shall) found.push({ mend: 're-create', attribute, actual: text(is), wanted: text(shall) })
  }
  must('vni', actual.vni, spec.vni)
  must('underlay family', actual.underlay, family)
  must('port', actual.port, spec.port ?? KERNEL_VXLAN_PORT)
  must('gbp', actual.gbp, spec.gbp)
  must('l2miss', actual.l2miss, false)
  must('l3miss', actual.l3miss, false)
  must('group', actual.group, undefined)
  must('external', actual.metadata, false)
  if (spec.parent !== undefined) must('pinned', actual.parent !== undefined, true)
  return found
}

function changeable(link: Link, actual: VxlanAttributes, { spec, underlay, family }: WantedDevice): Difference[] {
  const found: Difference[] = []
  const shall = (attribute: string, is: unknown, wanted: unknown, change: LinkChange): void => {
    if (is !== wanted) found.push({ mend: 'in-place', attribute, actual: text(is), wanted: text(wanted), change })
  }
  // The kernel refuses a pinned device more than its parent's MTU less the overhead (vxlan_change_mtu, EINVAL).
  const limit = actual.parent === undefined ? GREATEST_MTU : underlay.mtu - vxlanOverhead(family)
  const mtu = Math.min(spec.mtu, Math.max(limit, LEAST_MTU[family]))
  shall('name', link.ifname, spec.ifname, { ifname: spec.ifname })
  shall('local', actual.local, spec.local, { vxlan: { local: spec.local } })
  if (actual.parent !== undefined) {
    // Sent together with `local`: that pair is what was measured to keep every entry.
    shall('parent', actual.parent, underlay.ifindex, { vxlan: { parent: underlay.ifindex, local: spec.local } })
  }
  shall('learning', actual.learning, spec.learning, { vxlan: { learning: spec.learning } })
  shall('mtu', link.mtu, mtu, { mtu })
  shall('lladdr', link.lladdr, spec.lladdr, { lladdr: spec.lladdr })
  shall('up', link.up, true, { up: true })
  return found
}

/** What to do about the addresses of our own device: `add` first, then `remove` (see planAddresses). */
export interface AddressPlan {
  readonly add: readonly AddressSpec[]
  readonly remove: readonly Omit<AddressSpec, 'noDad'>[]
}

/**
 * The device has its subnet's network address as /32 or /128 (flannel-contract 5), IPv6 without duplicate address detection
 * (kernel-facts 2). What goes: other IPv4 addresses inside the network; every other IPv6 address that is not link-local;
 * and any address, of either family, that takes outer packets, by its connected route or as the one of a peer (`swallowed`).
 * Adding comes first: with its last IPv4 address a device loses its routes and neighbours.
 */
export function planAddresses(own: {
  readonly ifindex: Ifindex
  readonly network: Cidr
  readonly subnet: Cidr
  readonly addresses: readonly Address[]
  readonly swallowed: (prefix: Cidr) => boolean
}): AddressPlan {
  const ip = networkAddress(own.subnet)
  const family = familyOf(ip)
  const bits = addressBits(family)
  const mine = own.addresses.filter((address) => address.ifindex === own.ifindex)
  const isRight = (address: Address): boolean => address.ip === ip && address.prefixLength === bits
  const mustGo = (address: Address): boolean => {
    if (isRight(address) || (familyOf(address.ip) === 'ipv6' && isLinkLocal(address.ip))) return false
    const foreign = familyOf(address.ip) === family && (family === 'ipv6' || contains(own.network, address.ip))
    return foreign || own.swallowed(cidrOf(address.ip, address.prefixLength))
  }
  return {
    add: mine.some(isRight) ? [] : [{ ifindex: own.ifindex, ip, prefixLength: bits, noDad: true }],
    remove: mine
      .filter(mustGo)
      .map(({ ifindex, ip: other, prefixLength: length }) => ({ ifindex, ip: other, prefixLength: length })),
  }
}

function text(value: unknown): string {
  return value === undefined ? 'none' : String(value)
}
