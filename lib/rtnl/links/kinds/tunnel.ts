/** Geneve (RFC 8926), and GRE (RFC 2784, 2890) over either family. Must not: know a message. */
import { familyOf, type Ip } from '../../../net/ip.ts'
import { attributes } from '../../../netlink/attributes.ts'
import { asIp, asObject, optional, refuseUnknownKeys } from '../../../netlink/check.ts'
import type { ValueOf } from '../../../netlink/codec.ts'
import { flagBits, mapped, readOnly, within } from '../../../netlink/derived.ts'
import { be16, be32, bool8, flag, ip, oneOf, u8, u16, u32 } from '../../../netlink/scalars.ts'

const rawGeneve = attributes({
  vni: [1, within(u32, 0, 0xffffff)],
  remote: [2, ip],
  /** 0: the route's. */
  ttl: [3, u8],
  /** 1: that of the inner packet. */
  tos: [4, u8],
  /** UDP destination port, host byte order. */
  port: [5, within(be16, 1, 0xffff)],
  /** Collect-metadata mode. */
  metadata: [6, flag],
  remote6: [7, ip],
  udpChecksum: [8, bool8],
  udpZeroChecksum6Tx: [9, bool8],
  udpZeroChecksum6Rx: [10, bool8],
  /** Flow label of outer IPv6 packets, 20 bits. */
  label: [11, within(be32, 0, 0xfffff)],
  ttlInherit: [12, bool8],
  df: [13, oneOf(u8, { unset: 0, set: 1, inherit: 2 })],
  /** Inner packets may be of any protocol, without Ethernet (since Linux 5.18). */
  innerProtoInherit: [14, flag],
})
type RawGeneve = ValueOf<typeof rawGeneve>
const GENEVE_KEYS = Object.keys(rawGeneve.fields).filter((key) => key !== 'remote6')
export type GeneveAttributes = Omit<RawGeneve, 'remote6'>

export const geneve = mapped<RawGeneve, GeneveAttributes>(
  rawGeneve,
  ({ remote, remote6, ...told }) => {
    const to = remote ?? remote6
    const { metadata = false, innerProtoInherit = false } = told
    return { ...told, metadata, innerProtoInherit, ...(to === undefined ? {} : { remote: to }) }
  },
  (value, name) => {
    const given = asObject(name, value) as GeneveAttributes
    refuseUnknownKeys(name, given, GENEVE_KEYS)
    const { remote, ...rest } = given
    return { ...rest, ...placed(optional(`${name}.remote`, remote, asIp)) }
  },
)

function placed(remote: Ip | undefined): RawGeneve {
  if (remote === undefined) return {}
  return familyOf(remote) === 'ipv4' ? { remote } : { remote6: remote }
}

const greFlags = readOnly(flagBits(be16, { checksum: 0x8000, routing: 0x4000, key: 0x2000, sequence: 0x1000 }))

/** Kinds gre, gretap, ip6gre and ip6gretap; read only. */
export const gre = attributes({
  /** Ifindex of the link below. */
  parent: [1, readOnly(u32)],
  inFlags: [2, greFlags],
  outFlags: [3, greFlags],
  inKey: [4, readOnly(be32)],
  outKey: [5, readOnly(be32)],
  local: [6, readOnly(ip)],
  remote: [7, readOnly(ip)],
  /** 0: that of the inner packet. */
  ttl: [8, readOnly(u8)],
  tos: [9, readOnly(u8)],
  pathMtuDiscovery: [10, readOnly(bool8)],
  encapLimit: [11, readOnly(u8)],
  /** Traffic class and flow label of outer IPv6 packets. */
  flowInfo: [12, readOnly(be32)],
  /** IP6_TNL_F_*. */
  flags: [13, readOnly(u32)],
  encapType: [14, readOnly(oneOf(u16, { none: 0, fou: 1, gue: 2, mpls: 3 }))],
  encapFlags: [15, readOnly(flagBits(u16, { checksum: 1, checksum6: 2, remoteChecksum: 4 }))],
  encapSourcePort: [16, readOnly(be16)],
  encapPort: [17, readOnly(be16)],
  metadata: [18, readOnly(flag)],
  ignoreDf: [19, readOnly(bool8)],
  fwmark: [20, readOnly(u32)],
})
export type GreAttributes = ValueOf<typeof gre>
