/** Bonds and their ports (IFLA_BOND_*, IFLA_BOND_SLAVE_*). Times are milliseconds, as bonding has them. Must not: know a message. */
import { attributes, listOf } from '../../../netlink/attributes.ts'
import type { ValueOf } from '../../../netlink/codec.ts'
import { ipOf, readOnly, within } from '../../../netlink/derived.ts'
import { bool8, lladdr, oneOf, s32, u8, u16, u32 } from '../../../netlink/scalars.ts'

const INT_MAX = 0x7fffffff

export const bond = attributes({
  mode: [
    1,
    oneOf(u8, {
      'balance-rr': 0,
      'active-backup': 1,
      'balance-xor': 2,
      broadcast: 3,
      '802.3ad': 4,
      'balance-tlb': 5,
      'balance-alb': 6,
    }),
  ],
  /** Ifindex of the port that is used; 0 when written: the bond chooses. */
  activePort: [2, within(u32, 0, INT_MAX)],
  /** Milliseconds between two looks at the carrier; 0: none. */
  miimon: [3, u32],
  upDelay: [4, u32],
  downDelay: [5, u32],
  useCarrier: [6, bool8],
  arpInterval: [7, u32],
  arpTargets: [8, listOf(ipOf('ipv4'))],
  arpValidate: [
    9,
    oneOf(u32, { none: 0, active: 1, backup: 2, all: 3, filter: 4, 'filter-active': 5, 'filter-backup': 6 }),
  ],
  arpAllTargets: [10, oneOf(u32, { any: 0, all: 1 })],
  /** Ifindex; 0 when written: none. */
  primary: [11, within(u32, 0, INT_MAX)],
  primaryReselect: [12, oneOf(u8, { always: 0, better: 1, failure: 2 })],
  failOverMac: [13, oneOf(u8, { none: 0, active: 1, follow: 2 })],
  xmitHashPolicy: [
    14,
    oneOf(u8, { layer2: 0, 'layer3+4': 1, 'layer2+3': 2, 'encap2+3': 3, 'encap3+4': 4, 'vlan+srcmac': 5 }),
  ],
  resendIgmp: [15, within(u32, 0, 255)],
  peerNotifications: [16, u8],
  allPortsActive: [17, bool8],
  minLinks: [18, u32],
  /** Seconds between two learning packets. */
  learningInterval: [19, u32],
  packetsPerPort: [20, u32],
  lacpRate: [21, oneOf(u8, { slow: 0, fast: 1 })],
  adSelect: [22, oneOf(u8, { stable: 0, bandwidth: 1, count: 2 })],
  /** Of mode 802.3ad. */
  adInfo: [
    23,
    readOnly(
      attributes({
        aggregator: [1, u16],
        ports: [2, u16],
        actorKey: [3, u16],
        partnerKey: [4, u16],
        partnerLladdr: [5, lladdr],
      }),
    ),
  ],
  adActorSystemPriority: [24, u16],
  adUserPortKey: [25, u16],
  adActorSystem: [26, lladdr],
  tlbDynamic: [27, bool8],
  peerNotificationDelay: [28, u32],
  /** Since Linux 5.15. */
  lacpActive: [29, bool8],
  /** Since Linux 5.17. */
  missedMax: [30, u8],
  /** Since Linux 5.18. */
  nsTargets: [31, listOf(ipOf('ipv6'))],
  /** Since Linux 6.9. */
  coupledControl: [32, bool8],
})
export type BondAttributes = ValueOf<typeof bond>
export type BondSettings = Omit<BondAttributes, 'adInfo'>

export const bondPort = attributes({
  state: [1, readOnly(oneOf(u8, { active: 0, backup: 1 }))],
  miiStatus: [2, readOnly(oneOf(u8, { up: 0, fail: 1, down: 2, back: 3 }))],
  linkFailures: [3, readOnly(u32)],
  permanentLladdr: [4, readOnly(lladdr)],
  queueId: [5, u16],
  adAggregatorId: [6, readOnly(u16)],
  adActorState: [7, readOnly(u8)],
  adPartnerState: [8, readOnly(u16)],
  /** Since Linux 6.0. */
  priority: [9, s32],
})
export type BondPortAttributes = ValueOf<typeof bondPort>
export type BondPortSettings = Pick<BondPortAttributes, 'queueId' | 'priority'>
