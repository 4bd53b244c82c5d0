/**
 * RTM_*LINK as codecs: struct ifinfomsg and IFLA_* (linux/if_link.h), the kernel's values as they are. Must not: judge what they
 * say together.
 */
import { attributes, listOf } from '../../netlink/attributes.ts'
import type { Codec, ValueOf } from '../../netlink/codec.ts'
import { message } from '../../netlink/message.ts'
import { bytes, count64, ip, oneOf, s32, text, u8, u16, u32 } from '../../netlink/scalars.ts'
import { pad, struct } from '../../netlink/structs.ts'
import { linkInfoWith } from './kinds.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_NEWLINKPROP = 108
export const RTM_DELLINKPROP = 109

export const IFF_UP = 0x1
export const IFF_BROADCAST = 0x2
export const IFF_LOOPBACK = 0x8
export const IFF_POINTOPOINT = 0x10
export const IFF_NOARP = 0x80
export const IFF_PROMISC = 0x100
export const IFF_ALLMULTI = 0x200
export const IFF_MULTICAST = 0x1000
export const IFF_DYNAMIC = 0x8000
export const IFF_LOWER_UP = 0x10000

const ifinfomsg = struct({ family: u8, pad: pad(1), hardwareType: u16, ifindex: s32, flags: u32, change: u32 })

/** struct rtnl_link_stats64 as all kernels have it; the 25th is newer. */
const COUNTERS = {
  rxPackets: count64,
  txPackets: count64,
  rxBytes: count64,
  txBytes: count64,
  rxErrors: count64,
  txErrors: count64,
  rxDropped: count64,
  txDropped: count64,
  multicast: count64,
  collisions: count64,
  rxLengthErrors: count64,
  rxOverErrors: count64,
  rxCrcErrors: count64,
  rxFrameErrors: count64,
  rxFifoErrors: count64,
  rxMissedErrors: count64,
  txAbortedErrors: count64,
  txCarrierErrors: count64,
  txFifoErrors: count64,
  txHeartbeatErrors: count64,
  txWindowErrors: count64,
  rxCompressed: count64,
  txCompressed: count64,
  rxNoHandler: count64,
} as const
const counters = struct(COUNTERS)
const longer = struct({ ...COUNTERS, rxOtherHostDropped: count64 })
type Counters = { readonly [K in keyof typeof COUNTERS]: number } & { readonly rxOtherHostDropped?: number }
const statistics: Codec<Counters> = {
  write: (out, value, name) => longer.write(out, value, name),
  read: (view, start, end, name, faults) =>
    (longer.read(view, start, end, name, faults) ?? counters.read(view, start, end, name, faults)) as Counters,
}
export type LinkStatistics = Counters

export const operstate = oneOf(u8, {
  unknown: 0,
  'not-present': 1,
  down: 2,
  'lower-layer-down': 3,
  testing: 4,
  dormant: 5,
  up: 6,
})

const inet6 = attributes({
  token: [7, ip],
  addrGenMode: [8, oneOf(u8, { eui64: 0, none: 1, 'stable-privacy': 2, random: 3 })],
})

/** What both a link and the other end of a veth pair can be given. */
const COMMON = {
  address: [1, bytes],
  broadcast: [2, bytes],
  ifname: [3, text],
  mtu: [4, u32],
  parent: [5, u32],
  qdisc: [6, text],
  master: [10, u32],
  txQueueLength: [13, u32],
  operstate: [16, operstate],
  linkMode: [17, oneOf(u8, { default: 0, dormant: 1 })],
  alias: [20, text],
  statistics: [23, statistics],
  afSpec: [26, attributes({ inet6: [10, inet6] })],
  group: [27, u32],
  netnsFd: [28, u32],
  promiscuity: [30, u32],
  txQueues: [31, u32],
  rxQueues: [32, u32],
  carrier: [33, u8],
  carrierChanges: [35, u32],
  netnsid: [37, s32],
  protoDown: [39, u8],
  gsoMaxSegs: [40, u32],
  gsoMaxSize: [41, u32],
  carrierUpCount: [47, u32],
  carrierDownCount: [48, u32],
  newIfindex: [49, s32],
  minMtu: [50, u32],
  maxMtu: [51, u32],
  properties: [52, listOf(text, { id: 53 })],
  altname: [53, text],
  permanentAddress: [54, bytes],
  parentDevice: [56, text],
  parentBus: [57, text],
  groMaxSize: [58, u32],
  tsoMaxSize: [59, u32],
  tsoMaxSegs: [60, u32],
  allMulticast: [61, u32],
  gsoIpv4MaxSize: [63, u32],
  groIpv4MaxSize: [64, u32],
} as const

/** VETH_INFO_PEER: a whole message. Its errors name `veth.peer`, as the specification of a link has it. */
const peerMessage = message(ifinfomsg, attributes(COMMON))
export type RawPeer = ValueOf<typeof peerMessage>
const veth = attributes({ peer: [1, peerMessage] })

const linkMessageOf = (place: (kind: string) => string) =>
  message(ifinfomsg, attributes({ ...COMMON, linkinfo: [18, linkInfoWith(veth, place)] }))

/** How a caller calls a link and the attributes of its kind: with that errors begin, those of the message too. */
export interface Naming {
  readonly link: string
  readonly kind: (kind: string) => string
  readonly message: ReturnType<typeof linkMessageOf>
}

const namingOf = (link: string, kind: (kind: string) => string): Naming => ({
  link,
  kind,
  message: linkMessageOf(kind),
})
export const LINK = namingOf('link', (kind) => `link.${kind}`)
export const CHANGE = namingOf('change', (kind) => `change.${kind}`)
/** Of specifications that have the attributes of their kind beside those of every link. */
export const FLAT = {
  vxlan: namingOf('vxlan', () => 'vxlan'),
  veth: namingOf('veth', () => 'veth'),
  bridge: namingOf('bridge', () => 'bridge'),
}

export const linkMessage = LINK.message
export type RawLink = ValueOf<typeof linkMessage>
