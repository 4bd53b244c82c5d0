/** VXLAN (IFLA_VXLAN_*, RFC 7348) as the kernel says and takes it. Must not: know a message. */
import { toIfindex } from '../../../net/ifindex.ts'
import { familyOf, type Ip } from '../../../net/ip.ts'
import { attributes } from '../../../netlink/attributes.ts'
import { asIp, asObject, optional, refuseUnknownKeys } from '../../../netlink/check.ts'
import type { ValueOf } from '../../../netlink/codec.ts'
import { mapped, within } from '../../../netlink/derived.ts'
import { be16, be32, bool8, flag, ip, oneOf, u8, u32 } from '../../../netlink/scalars.ts'
import { struct } from '../../../netlink/structs.ts'
import type { VxlanAttributes } from '../../port.ts'

const raw = attributes({
  vni: [1, within(u32, 0, 0xffffff)],
  group: [2, ip],
  parent: [3, within(u32, 1, 0x7fffffff)],
  local: [4, ip],
  /** Of the outer packets; 0: the route's. */
  ttl: [5, u8],
  /** 1: that of the inner packet. */
  tos: [6, u8],
  learning: [7, bool8],
  /** Seconds until a learned FDB entry goes; 0: never. */
  ageing: [8, u32],
  /** FDB entries at most; 0: any number. */
  limit: [9, u32],
  /** UDP source ports, host byte order, both included. */
  portRange: [10, struct({ low: be16, high: be16 }, { whole: true })],
  /** Answers ARP and neighbour solicitations from the neighbour table. */
  proxy: [11, bool8],
  /** Route short circuit. */
  rsc: [12, bool8],
  l2miss: [13, bool8],
  l3miss: [14, bool8],
  port: [15, within(be16, 1, 0xffff)],
  group6: [16, ip],
  local6: [17, ip],
  /** UDP checksum of outer IPv4 packets. */
  udpChecksum: [18, bool8],
  /** No UDP checksum in outer IPv6 packets that are sent. */
  udpZeroChecksum6Tx: [19, bool8],
  /** Outer IPv6 packets without one are taken. */
  udpZeroChecksum6Rx: [20, bool8],
  remoteChecksumTx: [21, bool8],
  remoteChecksumRx: [22, bool8],
  gbp: [23, flag],
  remoteChecksumNoPartial: [24, flag],
  metadata: [25, bool8],
  /** Flow label of outer IPv6 packets, 20 bits. */
  label: [26, within(be32, 0, 0xfffff)],
  /** Generic protocol extension; only with `metadata`. */
  gpe: [27, flag],
  /** The TTL is that of the inner packet. */
  ttlInherit: [28, flag],
  /** "Don't fragment" of outer IPv4 packets. */
  df: [29, oneOf(u8, { unset: 0, set: 1, inherit: 2 })],
  /** The VNIs of a `metadata` device are those that it is given (since Linux 5.18). */
  vniFilter: [30, bool8],
  /** What is for another device of this host goes there past UDP (since Linux 6.5; default true). */
  localBypass: [31, bool8],
  /** Since Linux 6.8. */
  labelPolicy: [32, oneOf(u32, { fixed: 0, inherit: 1 })],
  /** Outer multicast goes by the multicast routes (since Linux 6.16). */
  multicastRoute: [34, bool8],
})
type Raw = ValueOf<typeof raw>

type Told = Omit<Raw, 'group6' | 'local6' | 'parent' | 'group' | 'local' | keyof VxlanAttributes>

/** Of a VXLAN link: that of dumpLinks and all else the kernel says. `parent` is absent where it is in another namespace. */
export interface VxlanDetails extends VxlanAttributes, Told {
  readonly ttlInherit: boolean
  readonly gpe: boolean
  readonly remoteChecksumNoPartial: boolean
}

/** What a VXLAN link may be given. Each that is absent is left to the kernel's default, or as it is. */
export type VxlanSettings = {
  readonly [Name in Exclude<keyof VxlanDetails, 'underlay'>]?: VxlanDetails[Name] | undefined
}

export const VXLAN_KEYS = Object.keys(raw.fields).filter((key) => key !== 'group6' && key !== 'local6')
export const vxlan = mapped<Raw, VxlanDetails | VxlanSettings>(raw, detailsOf, rawOf)

function detailsOf({ group, group6, local, local6, parent, ...told }: Raw): VxlanDetails {
  const [from, to] = [local ?? local6, group ?? group6]
  const either = from ?? to
  return {
    ...told,
    vni: told.vni ?? 0,
    underlay: either === undefined ? 'ipv4' : familyOf(either),
    local: from,
    group: to,
    parent: parent === undefined ? undefined : toIfindex(parent),
    port: told.port ?? 0,
    learning: told.learning === true,
    gbp: told.gbp === true,
    gpe: told.gpe === true,
    metadata: told.metadata === true,
    l2miss: told.l2miss === true,
    l3miss: told.l3miss === true,
    ttlInherit: told.ttlInherit === true,
    remoteChecksumNoPartial: told.remoteChecksumNoPartial === true,
  }
}

function rawOf(value: VxlanDetails | VxlanSettings, name: string): Raw {
  const { local, group, ...rest } = asObject(name, value) as VxlanSettings
  refuseUnknownKeys(name, rest, VXLAN_KEYS)
  const [from, to] = [optional(`${name}.local`, local, asIp), optional(`${name}.group`, group, asIp)]
  if (from !== undefined && to !== undefined && familyOf(from) !== familyOf(to))
    throw new RangeError(`${name}.group: '${to}' is of another family than local ${from}`)
  return { ...rest, ...place('local', from), ...place('group', to) }
}

function place(key: 'local' | 'group', address: Ip | undefined): Raw {
  if (address === undefined) return {}
  return { [familyOf(address) === 'ipv4' ? key : (`${key}6` as const)]: address }
}
