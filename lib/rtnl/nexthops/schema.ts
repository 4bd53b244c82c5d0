/**
 * RTM_*NEXTHOP as codecs: struct nhmsg and NHA_* (linux/nexthop.h). Attributes have the names that the values of nexthop.ts have.
 * Must not: judge what they say together.
 */

import { attributes } from '../../netlink/attributes.ts'
import { asInteger } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import { clock } from '../../netlink/derived.ts'
import { message } from '../../netlink/message.ts'
import { count64, flag, ip, oneOf, u8, u16, u32 } from '../../netlink/scalars.ts'
import { packed, pad, struct } from '../../netlink/structs.ts'
import { family8, scope8 } from '../inet.ts'
import { encapBytes, encapType } from '../routes/encap.ts'

export const RTM_NEWNEXTHOP = 104
export const RTM_DELNEXTHOP = 105
export const RTM_GETNEXTHOP = 106

/** weight and weight_high of struct nexthop_grp: the weight less one. */
const weight: Codec<number> = {
  size: 2,
  write(out, value, name) {
    const less = asInteger(name, value, 1, 0x10000) - 1
    out.u8(less & 0xff)
    out.u8(less >> 8)
  },
  read: (view, start) => view.getUint8(start) + view.getUint8(start + 1) * 256 + 1,
}

const resilient = attributes({
  buckets: [1, u16],
  idleTimer: [2, clock(u32)],
  unbalancedTimer: [3, clock(u32)],
  unbalancedTime: [4, clock(count64)],
})

export const nexthopMessage = message(
  struct({ family: family8, scope: scope8, protocol: u8, reserved: pad(1), flags: u32 }),
  attributes({
    id: [1, u32],
    group: [2, packed(struct({ id: u32, weight, reserved: pad(2) }))],
    groupType: [3, oneOf(u16, { mpath: 0, resilient: 1 })],
    blackhole: [4, flag],
    oif: [5, u32],
    gateway: [6, ip],
    encapType: [7, encapType],
    encap: [8, encapBytes],
    groups: [9, flag],
    master: [10, u32],
    fdb: [11, flag],
    resilient: [12, resilient],
  }),
)
export type RawNexthop = typeof nexthopMessage extends Codec<infer T> ? T : never
