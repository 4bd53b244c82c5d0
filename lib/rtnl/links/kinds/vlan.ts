/** VLAN devices (IFLA_VLAN_*, IEEE 802.1Q and 802.1ad). Must not: know a message. */
import { attributes, listOf } from '../../../netlink/attributes.ts'
import type { ValueOf } from '../../../netlink/codec.ts'
import { maskedBits, within } from '../../../netlink/derived.ts'
import { be16, oneOf, u16, u32 } from '../../../netlink/scalars.ts'
import { struct } from '../../../netlink/structs.ts'

export const vlanProtocol = oneOf(be16, { '802.1Q': 0x8100, '802.1ad': 0x88a8 })

const qosMap = listOf(struct({ from: u32, to: u32 }, { whole: true }), { id: 1 })

export const vlan = attributes({
  id: [1, within(u16, 0, 4094)],
  flags: [2, maskedBits({ reorderHeader: 1, gvrp: 2, looseBinding: 4, mvrp: 8, bridgeBinding: 16 })],
  /** From the kernel's priority of a packet to that in its VLAN tag. */
  egressQos: [3, qosMap],
  /** From the priority in the tag to that of the packet. */
  ingressQos: [4, qosMap],
  /** Set when it is created. */
  protocol: [5, vlanProtocol],
})
export type VlanAttributes = ValueOf<typeof vlan>
