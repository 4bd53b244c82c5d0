/**
 * RTM_*NEIGH of forwarding entries (PF_BRIDGE) as codecs: struct ndmsg and NDA_* (linux/neighbour.h). Must not: know IP neighbours,
 * which are the same messages with another family.
 */
import { attributes } from '../../netlink/attributes.ts'
import type { Codec } from '../../netlink/codec.ts'
import { clock } from '../../netlink/derived.ts'
import { message } from '../../netlink/message.ts'
import { be16, ip, lladdr, oneOf, s32, u8, u16, u32 } from '../../netlink/scalars.ts'
import { pad, struct } from '../../netlink/structs.ts'
import type { FdbState } from './fdb-record.ts'

export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30
export const AF_BRIDGE = 7

export const NTF_SELF = 0x02
export const NTF_MASTER = 0x04
/** NTF_*, and of NDA_FLAGS_EXT. */
export const FLAGS = { externLearn: 0x10, offloaded: 0x20, sticky: 0x40, router: 0x80 } as const
export const NTF_EXT_LOCKED = 0x02

const NUD_REACHABLE = 0x02
const NUD_NOARP = 0x40
const NUD_PERMANENT = 0x80
const words = oneOf(u16, {
  permanent: NUD_PERMANENT,
  static: NUD_NOARP | NUD_REACHABLE,
  dynamic: NUD_REACHABLE,
  stale: 0x04,
})

/** NUD_* by the words of `bridge fdb`, which writes PERMANENT with NOARP: the strongest bit gives the word. */
export const state16: Codec<FdbState> = {
  ...words,
  read(view, start, end, name, faults) {
    const number = u16.read(view, start, end, name, faults) ?? 0
    if ((number & NUD_PERMANENT) !== 0) return 'permanent'
    return (number & NUD_NOARP) === 0 ? words.read(view, start, end, name, faults) : 'static'
  },
}

export const fdbMessage = message(
  struct({ family: u8, pad: pad(3), ifindex: s32, state: state16, flags: u8, type: u8 }),
  attributes({
    dst: [1, ip],
    lladdr: [2, lladdr],
    cacheinfo: [3, struct({ confirmed: clock(u32), used: clock(u32), updated: clock(u32), references: u32 })],
    vlan: [5, u16],
    port: [6, be16],
    vni: [7, u32],
    via: [8, u32],
    master: [9, u32],
    linkNetnsId: [10, s32],
    srcVni: [11, u32],
    protocol: [12, u8],
    nexthopId: [13, u32],
    extFlags: [15, u32],
  }),
)
export type RawFdb = typeof fdbMessage extends Codec<infer T> ? T : never
