/**
 * Lightweight tunnels (RTA_ENCAP_TYPE and RTA_ENCAP, linux/lwtunnel.h): what a route puts around its packets. IP tunnels, MPLS
 * and SRv6 as values, the others as their bytes. Must not: know routes.
 */

import type { Ip } from '../../net/ip.ts'
import { type AttributeValues, attributes } from '../../netlink/attributes.ts'
import { ByteWriter } from '../../netlink/byte-writer.ts'
import { asInteger, asObject, refuseUnknownKeys } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import { be16, be64, bytes, ip, oneOf, u8, u16 } from '../../netlink/scalars.ts'
import { shown } from '../../util/wrong-input.ts'
import { type Seg6Header, type Seg6Mode, seg6 } from './seg6.ts'

const ENCAPS = {
  none: 0,
  mpls: 1,
  ip: 2,
  ila: 3,
  ip6: 4,
  seg6: 5,
  bpf: 6,
  seg6local: 7,
  rpl: 8,
  ioam6: 9,
  xfrm: 10,
} as const

/** LWTUNNEL_ENCAP_*; a number where it has no name here. */
export type EncapType = keyof typeof ENCAPS | number

export interface IpEncap {
  readonly type: 'ip' | 'ip6'
  /** Tunnel id (a VNI, a GRE key); exact up to 2^53. */
  readonly id?: number | undefined
  readonly dst?: Ip | undefined
  readonly src?: Ip | undefined
  /** TTL and TOS of IPv4, hop limit and traffic class of IPv6. */
  readonly ttl?: number | undefined
  readonly tos?: number | undefined
  /** TUNNEL_* as they are. */
  readonly flags?: number | undefined
  /** LWTUNNEL_IP_OPTS as it is: attributes of Geneve, VXLAN-GBP or ERSPAN. */
  readonly options?: Uint8Array | undefined
}

export interface MplsEncap {
  readonly type: 'mpls'
  /** Outermost first, 20 bits each. */
  readonly labels: readonly number[]
  readonly ttl?: number | undefined
}

export interface Seg6Encap {
  readonly type: 'seg6'
  readonly mode: Seg6Mode
  /** In the order of the way. With mode `inline` the last one is `::`: the packet's own destination takes its place. */
  readonly segments: readonly Ip[]
}

/** What has no form of its own here: the bytes of RTA_ENCAP, attributes in host byte order. */
export interface RawEncap {
  readonly type: EncapType
  readonly raw: Uint8Array
}

export type Encap = IpEncap | MplsEncap | Seg6Encap | RawEncap

/** The attribute that names the type. */
export const encapType: Codec<EncapType> = oneOf(u16, ENCAPS)
/** The attribute that holds the rest, as bytes. */
export const encapBytes: Codec<Uint8Array> = { ...bytes, nested: true }

/** The keys of both IP tunnels have the same numbers. */
const ipTunnel = attributes({
  id: [1, be64],
  dst: [2, ip],
  src: [3, ip],
  ttl: [4, u8],
  tos: [5, u8],
  flags: [6, be16],
  options: [8, encapBytes],
})

const BOTTOM_OF_STACK = 0x100

/** Label stack entries (RFC 3032): label, traffic class, bottom of stack, TTL. */
const labels: Codec<readonly number[]> = {
  write(out, value, name) {
    if (!Array.isArray(value) || value.length === 0)
      throw new TypeError(`${name}: ${shown(value)} is no list of labels`)
    for (const [i, one] of (value as readonly unknown[]).entries()) {
      const label = asInteger(`${name}[${i}]`, one, 0, 0xfffff)
      out.u32(((label << 12) | (i === value.length - 1 ? BOTTOM_OF_STACK : 0)) >>> 0, false)
    }
  },
  read(view, start, end) {
    const value: number[] = []
    for (let at = start; at + 4 <= end; at += 4) value.push(view.getUint32(at) >>> 12)
    return value
  },
}
const mpls = attributes({ labels: [1, labels], ttl: [2, u8] })
const HEADER = 1
const srh = attributes({ header: [HEADER, seg6] })

/** A value of what both attributes say; `type` missing is an encap of nobody's. */
export function encapOf(type: EncapType | undefined, raw: Uint8Array | undefined): Encap | undefined {
  if (type === undefined || type === 'none' || raw === undefined) return undefined
  const faults: string[] = []
  const read = <T>(codec: Codec<T>): T | undefined =>
    codec.read(new DataView(raw.buffer, raw.byteOffset, raw.byteLength), 0, raw.length, '', faults)
  const value = readKnown(type, read)
  return value === undefined || faults.length > 0 ? { type, raw } : value
}

function readKnown(type: EncapType, read: <T>(codec: Codec<T>) => T | undefined): Encap | undefined {
  if (type === 'ip' || type === 'ip6') {
    const found = read(ipTunnel)
    return found === undefined ? undefined : { type, ...found }
  }
  if (type === 'mpls') {
    const found = read(mpls)
    return found?.labels === undefined ? undefined : { type, ...found, labels: found.labels }
  }
  if (type === 'seg6') {
    const header = read(srh)?.header
    return header === undefined ? undefined : { type, ...header }
  }
  return undefined
}

/** Both attributes of a value. Throws TypeError and RangeError by the name of the field. */
export function encapAttributes(name: string, encap: Encap): { encapType: EncapType; encap: Uint8Array } {
  const { type, ...rest } = asObject(name, encap) as { type: EncapType } & Record<string, unknown>
  encapType.write(new ByteWriter(), type, `${name}.type`)
  if ('raw' in rest) {
    const other = Object.keys(rest).find((key) => key !== 'raw')
    if (other !== undefined) throw new TypeError(`${name}.${other}: \`raw\` stands alone`)
    return { encapType: type, encap: written(bytes, rest.raw as Uint8Array, `${name}.raw`) }
  }
  if (type === 'ip' || type === 'ip6')
    return { encapType: type, encap: written(ipTunnel, rest as AttributeValues<typeof ipTunnel.fields>, name) }
  if (type === 'mpls' && rest.labels === undefined) throw new TypeError(`${name}.labels: it is missing`)
  if (type === 'mpls') return { encapType: type, encap: written(mpls, rest as Omit<MplsEncap, 'type'>, name) }
  if (type === 'seg6') {
    refuseUnknownKeys(name, rest, ['mode', 'segments'])
    const out = new ByteWriter()
    out.attribute(HEADER, false, name, () => seg6.write(out, rest as unknown as Seg6Header, name))
    return { encapType: type, encap: out.finish() }
  }
  throw new TypeError(`${name}.raw: an encap of type ${shown(type)} needs its bytes`)
}

function written<T>(codec: Codec<T>, value: T, name: string): Uint8Array {
  const out = new ByteWriter()
  codec.write(out, value, name)
  return out.finish()
}
