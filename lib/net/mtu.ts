/** Maximum transmission units as values, and what VXLAN takes from them. */
import { wrongType } from '../util/wrong-input.ts'
import type { Family } from './ip.ts'

declare const mtuBrand: unique symbol
export type Mtu = number & { readonly [mtuBrand]: true }

/** 68 (RFC 791's least) … 65535 bytes; throws RangeError naming the number. */
export function parseMtu(value: number): Mtu {
  if (typeof value !== 'number') throw wrongType('MTU', 'a number', value)
  if (!Number.isInteger(value) || value < 68 || value > 65535)
    throw new RangeError(`MTU ${value} is outside 68 to 65535`)
  return value as Mtu
}

/** Bytes that VXLAN adds: outer IP (20 or 40), UDP 8, VXLAN 8, inner Ethernet 14 (kernel-facts 4: the kernel clamps to it). */
export function vxlanOverhead(underlay: Family): 50 | 70 {
  return underlay === 'ipv4' ? 50 : 70
}

/** Of a device that carries the family, bytes: RFC 791's 68; RFC 8200's 1280, below which Linux takes IPv6 away from it. */
export const LEAST_MTU: Readonly<Record<Family, number>> = { ipv4: 68, ipv6: 1280 }
