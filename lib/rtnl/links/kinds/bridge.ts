/** Bridges (IFLA_BR_*): VLAN filtering, spanning tree, timers and multicast. Must not: know a bridge's ports. */
import { type Lladdr, lladdrFromBytes, lladdrToBytes } from '../../../net/lladdr.ts'
import { attributes } from '../../../netlink/attributes.ts'
import type { Codec, ValueOf } from '../../../netlink/codec.ts'
import { clock, mapped, maskedBits, readOnly, within } from '../../../netlink/derived.ts'
import { bool8, count64, flag, lladdr, oneOf, u8, u16, u32 } from '../../../netlink/scalars.ts'
import { vlanProtocol } from './vlan.ts'

/** Priority and address of a bridge of the spanning tree. */
export interface BridgeId {
  readonly priority: number
  readonly lladdr: Lladdr
}

const bridgeId: Codec<BridgeId> = {
  size: 8,
  write(out, { priority, lladdr: address }) {
    out.u16(priority, false)
    out.bytes(lladdrToBytes(address))
  },
  read(view, start, end) {
    if (end - start !== 8) return undefined
    const bytes = new Uint8Array(view.buffer, view.byteOffset + start + 2, 6)
    return { priority: view.getUint16(start), lladdr: lladdrFromBytes(bytes) }
  },
}

const onOff32 = mapped<number, boolean>(
  u32,
  (number) => number !== 0,
  (value, name) => {
    if (typeof value !== 'boolean') throw new TypeError(`${name}: it is true or false`)
    return value ? 1 : 0
  },
)

export const bridge = attributes({
  /** Times are seconds; the kernel keeps them in its own steps, a hundredth at the finest. */
  forwardDelay: [1, clock(u32)],
  helloTime: [2, clock(u32)],
  maxAge: [3, clock(u32)],
  /** Of FDB entries. */
  ageingTime: [4, clock(u32)],
  /** Spanning tree, by the kernel or a program of user space. */
  stp: [5, onOff32],
  priority: [6, u16],
  vlanFiltering: [7, bool8],
  vlanProtocol: [8, vlanProtocol],
  /** Which of the link-local groups 01:80:c2:00:00:0X are forwarded, a bit each; 0, 1 and 2 never. */
  groupForwardMask: [9, u16],
  rootId: [10, readOnly(bridgeId)],
  bridgeId: [11, readOnly(bridgeId)],
  rootPort: [12, readOnly(u16)],
  rootPathCost: [13, readOnly(u32)],
  topologyChange: [14, readOnly(bool8)],
  topologyChangeDetected: [15, readOnly(bool8)],
  helloTimer: [16, readOnly(clock(count64))],
  tcnTimer: [17, readOnly(clock(count64))],
  topologyChangeTimer: [18, readOnly(clock(count64))],
  gcTimer: [19, readOnly(clock(count64))],
  groupAddress: [20, lladdr],
  /** Written only: forgets what was learned. */
  fdbFlush: [21, flag],
  multicastRouter: [22, oneOf(u8, { disabled: 0, queried: 1, permanent: 2, temporary: 3 })],
  multicastSnooping: [23, bool8],
  multicastQueryUseIfaddr: [24, bool8],
  multicastQuerier: [25, bool8],
  multicastHashElasticity: [26, u32],
  multicastHashMax: [27, u32],
  multicastLastMemberCount: [28, u32],
  multicastStartupQueryCount: [29, u32],
  multicastLastMemberInterval: [30, clock(count64)],
  multicastMembershipInterval: [31, clock(count64)],
  multicastQuerierInterval: [32, clock(count64)],
  multicastQueryInterval: [33, clock(count64)],
  multicastQueryResponseInterval: [34, clock(count64)],
  multicastStartupQueryInterval: [35, clock(count64)],
  nfCallIptables: [36, bool8],
  nfCallIp6tables: [37, bool8],
  nfCallArptables: [38, bool8],
  /** 0: none. */
  vlanDefaultPvid: [39, within(u16, 0, 4094)],
  vlanStatistics: [41, bool8],
  multicastStatistics: [42, bool8],
  multicastIgmpVersion: [43, within(u8, 2, 3)],
  multicastMldVersion: [44, within(u8, 1, 2)],
  vlanStatisticsPerPort: [45, bool8],
  options: [46, maskedBits({ noLinkLocalLearn: 1, multicastVlanSnooping: 2, mst: 4 })],
  /** Since Linux 6.7. */
  fdbLearned: [48, readOnly(u32)],
  /** FDB entries that may be learned; 0: any number (since Linux 6.7). */
  fdbMaxLearned: [49, u32],
})
export type BridgeAttributes = Omit<ValueOf<typeof bridge>, 'fdbFlush'>
export type BridgeSettings = Omit<
  ValueOf<typeof bridge>,
  | 'rootId'
  | 'bridgeId'
  | 'rootPort'
  | 'rootPathCost'
  | 'topologyChange'
  | 'topologyChangeDetected'
  | 'helloTimer'
  | 'tcnTimer'
  | 'topologyChangeTimer'
  | 'gcTimer'
  | 'fdbLearned'
>
