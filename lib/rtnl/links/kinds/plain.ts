/** Kinds with few attributes: macvlan, ipvlan, VRF, TUN. Must not: know a message. */
import { attributes, listOf } from '../../../netlink/attributes.ts'
import type { ValueOf } from '../../../netlink/codec.ts'
import { flagBits, readOnly, within } from '../../../netlink/derived.ts'
import { bool8, lladdr, oneOf, s32, u8, u16, u32 } from '../../../netlink/scalars.ts'

export const macvlan = attributes({
  mode: [1, oneOf(u32, { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 })],
  flags: [2, flagBits(u16, { noPromisc: 1, noDst: 2 })],
  /** Of mode source: which of `sourceLladdrs` are meant by a write. */
  sourceOperation: [3, oneOf(u32, { add: 0, delete: 1, flush: 2, set: 3 })],
  sourceLladdr: [4, lladdr],
  sourceLladdrs: [5, listOf(lladdr, { id: 4 })],
  sourceCount: [6, readOnly(u32)],
  /** Broadcasts that wait, at most; as was asked for. */
  broadcastQueueLength: [7, u32],
  /** As it is: the largest that a macvlan of the same parent asked for. */
  broadcastQueueLengthUsed: [8, readOnly(u32)],
  /** Since Linux 6.4. */
  broadcastCutoff: [9, s32],
})
export type MacvlanAttributes = Omit<ValueOf<typeof macvlan>, 'sourceOperation' | 'sourceLladdr'>
export type MacvlanSettings = Omit<ValueOf<typeof macvlan>, 'sourceCount' | 'broadcastQueueLengthUsed'>

export const ipvlan = attributes({
  mode: [1, oneOf(u16, { l2: 0, l3: 1, l3s: 2 })],
  flags: [2, flagBits(u16, { private: 1, vepa: 2 })],
})
export type IpvlanAttributes = ValueOf<typeof ipvlan>

export const vrf = attributes({
  /** Routing table of what comes and goes through its ports; set when it is created. */
  table: [1, within(u32, 1, 0xffffffff)],
})
export type VrfAttributes = ValueOf<typeof vrf>

export const vrfPort = attributes({ table: [1, readOnly(u32)] })
export type VrfPortAttributes = ValueOf<typeof vrfPort>

/** TUN and TAP devices are made by /dev/net/tun, not by netlink. */
export const tun = attributes({
  /** User ID. */
  owner: [1, readOnly(u32)],
  group: [2, readOnly(u32)],
  type: [3, readOnly(oneOf(u8, { tun: 1, tap: 2 }))],
  packetInfo: [4, readOnly(bool8)],
  vnetHeader: [5, readOnly(bool8)],
  persist: [6, readOnly(bool8)],
  multiQueue: [7, readOnly(bool8)],
  queues: [8, readOnly(u32)],
  disabledQueues: [9, readOnly(u32)],
})
export type TunAttributes = ValueOf<typeof tun>
