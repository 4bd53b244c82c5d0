/**
 * What bridges say of their ports, VLANs and multicast groups, as codecs: RTM_*LINK of PF_BRIDGE, RTM_*MDB (linux/if_bridge.h,
 * linux/if_link.h). Must not: know links as such.
 */

import { attributes, eachAttribute, listOf } from '../../netlink/attributes.ts'
import { asInteger } from '../../netlink/check.ts'
import type { Codec, ValueOf } from '../../netlink/codec.ts'
import { clock } from '../../netlink/derived.ts'
import { message } from '../../netlink/message.ts'
import { bool8, bytes, flag, ip, lladdr, oneOf, s32, text, u8, u16, u32 } from '../../netlink/scalars.ts'
import { pad, struct } from '../../netlink/structs.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19
export const RTM_NEWMDB = 84
export const RTM_DELMDB = 85
export const RTM_GETMDB = 86
export const AF_BRIDGE = 7

export const RTEXT_FILTER_BRVLAN_COMPRESSED = 0x4
export const BRIDGE_FLAGS_SELF = 2
/** Of struct bridge_vlan_info. */
export const VLAN_PVID = 0x02
export const VLAN_UNTAGGED = 0x04
export const VLAN_RANGE_BEGIN = 0x08
export const VLAN_RANGE_END = 0x10

const STATES = { disabled: 0, listening: 1, learning: 2, forwarding: 3, blocking: 4 } as const
const MULTICAST_ROUTER = { disabled: 0, query: 1, permanent: 2, temporary: 3 } as const

/** IFLA_BRPORT_*. `bool8`: the kernel takes one byte; what is not written stays as it is. */
export const brport = attributes({
  state: [1, oneOf(u8, STATES)],
  priority: [2, u16],
  cost: [3, u32],
  hairpin: [4, bool8],
  guard: [5, bool8],
  rootBlock: [6, bool8],
  fastLeave: [7, bool8],
  learning: [8, bool8],
  flood: [9, bool8],
  proxyArp: [10, bool8],
  proxyArpWifi: [12, bool8],
  rootId: [13, bytes],
  bridgeId: [14, bytes],
  designatedPort: [15, u16],
  designatedCost: [16, u16],
  portId: [17, u16],
  portNumber: [18, u16],
  topologyChangeAck: [19, bool8],
  configPending: [20, bool8],
  flush: [24, flag],
  mcastRouter: [25, oneOf(u8, MULTICAST_ROUTER)],
  mcastFlood: [27, bool8],
  mcastToUnicast: [28, bool8],
  vlanTunnel: [29, bool8],
  bcastFlood: [30, bool8],
  groupForwardMask: [31, u16],
  neighSuppress: [32, bool8],
  isolated: [33, bool8],
  backupPort: [34, u32],
  mcastEhtHostsLimit: [37, u32],
  mcastEhtHostsCount: [38, u32],
  locked: [39, bool8],
  macAuthBypass: [40, bool8],
  mcastGroups: [41, u32],
  mcastMaxGroups: [42, u32],
  neighVlanSuppress: [43, bool8],
  backupNexthopId: [44, u32],
})
export type RawPort = ValueOf<typeof brport>

export interface RawVlans {
  /** BRIDGE_FLAGS_*: whose VLANs a request is about. */
  readonly flags?: number | undefined
  readonly vlans: readonly { readonly flags: number; readonly vid: number }[]
}

const IFLA_BRIDGE_FLAGS = 0
const IFLA_BRIDGE_VLAN_INFO = 2
const vlanInfo = struct({ flags: u16, vid: u16 })

/** IFLA_AF_SPEC of PF_BRIDGE: one attribute for each VLAN, all of one number. */
const afSpec: Codec<RawVlans> = {
  nested: true,
  write(out, { flags, vlans }, name) {
    if (flags !== undefined)
      out.attribute(IFLA_BRIDGE_FLAGS, false, name, () => out.u16(asInteger(name, flags, 0, 0xffff)))
    for (const one of vlans) out.attribute(IFLA_BRIDGE_VLAN_INFO, false, name, () => vlanInfo.write(out, one, name))
  },
  read(view, start, end, name, faults) {
    const vlans: { flags: number; vid: number }[] = []
    let flags: number | undefined
    eachAttribute(view, start, end, (id, from, to) => {
      if (id === IFLA_BRIDGE_FLAGS) flags = u16.read(view, from, to, name, faults)
      if (id !== IFLA_BRIDGE_VLAN_INFO) return
      const one = vlanInfo.read(view, from, to, name, faults)
      if (one === undefined) faults.push(`${name}.vlan`)
      else vlans.push({ flags: one.flags ?? 0, vid: one.vid ?? 0 })
    })
    return flags === undefined ? { vlans } : { flags, vlans }
  },
}

const ifinfomsg = struct({ family: u8, pad: pad(3), ifindex: s32, flags: u32, change: u32 })

/** A message of PF_BRIDGE about a port, or about the bridge itself. */
export const bridgeLink = message(
  ifinfomsg,
  attributes({
    lladdr: [1, lladdr],
    ifname: [3, text],
    mtu: [4, u32],
    master: [10, u32],
    port: [12, brport],
    vlans: [26, afSpec],
    filter: [29, u32],
  }),
)
export type RawBridgeLink = ValueOf<typeof bridgeLink>

/** An ordinary link that is a port of a bridge: what RTM_GETLINK answers for one link. */
export const slaveLink = message(
  ifinfomsg,
  attributes({
    lladdr: [1, lladdr],
    ifname: [3, text],
    mtu: [4, u32],
    master: [10, u32],
    linkInfo: [18, attributes({ slaveKind: [4, text], port: [5, brport] })],
    filter: [29, u32],
  }),
)
export type RawSlaveLink = ValueOf<typeof slaveLink>

/** struct br_mdb_entry; `address` holds IPv4, IPv6 or a MAC address, as `protocol` says (network byte order). */
const sixteen: Codec<Uint8Array> = {
  size: 16,
  write(out, value) {
    out.bytes(value)
    out.zeros(16 - value.length)
  },
  read: (view, start) => new Uint8Array(view.buffer, view.byteOffset + start, 16).slice(),
}
const protocol: Codec<number> = {
  size: 2,
  write: (out, value) => out.u16(value, false),
  read: (view, start) => view.getUint16(start),
}
const mdbEntry = struct({
  port: u32,
  state: oneOf(u8, { temporary: 0, permanent: 1 }),
  flags: u8,
  vid: u16,
  address: sixteen,
  protocol,
  end: pad(2),
})

const FILTER_MODES = { exclude: 0, include: 1 } as const
export const filterMode = oneOf(u8, FILTER_MODES)

const entryInfo = message(
  mdbEntry,
  attributes({
    timer: [1, clock(u32)],
    sources: [2, listOf(attributes({ source: [1, ip], timer: [2, clock(u32)] }), { id: 1 })],
    filterMode: [3, filterMode],
    source: [4, ip],
    origin: [5, u8],
  }),
)
export type RawMdbEntry = ValueOf<typeof entryInfo>

/** struct br_port_msg. */
const portMessage = struct({ family: u8, pad: pad(3), bridge: u32 })

export const mdbAnswer = message(
  portMessage,
  attributes({ entries: [1, listOf(listOf(entryInfo, { id: 1 }), { id: 1 })] }),
)

export const mdbRequest = message(
  portMessage,
  attributes({
    entry: [1, mdbEntry],
    attributes: [
      2,
      attributes({
        source: [1, ip],
        sources: [2, listOf(attributes({ source: [1, ip] }), { id: 1 })],
        filterMode: [3, filterMode],
        origin: [4, u8],
      }),
    ],
  }),
)
export type RawMdbRequest = ValueOf<typeof mdbRequest>
