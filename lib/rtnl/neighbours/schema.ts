/**
 * RTM_*NEIGH of IP neighbours as codecs: struct ndmsg and NDA_* (linux/neighbour.h). Must not: know FDB entries, which are the same
 * messages with another family.
 */
import { attributes } from '../../netlink/attributes.ts'
import type { Codec } from '../../netlink/codec.ts'
import { clock } from '../../netlink/derived.ts'
import { message } from '../../netlink/message.ts'
import { bytes, ip, oneOf, s32, u8, u16, u32 } from '../../netlink/scalars.ts'
import { pad, struct } from '../../netlink/structs.ts'
import { family8, type8 } from '../inet.ts'
import type { NeighbourState } from './neighbour.ts'

export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30

export const NTF_USE = 0x01
export const NTF_PROXY = 0x08
export const NTF_EXT_LEARNED = 0x10
export const NTF_OFFLOADED = 0x20
export const NTF_ROUTER = 0x80
/** Of NDA_FLAGS_EXT. */
export const NTF_EXT_MANAGED = 0x01

const STATES = {
  none: 0,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const
export const state16: Codec<NeighbourState> = oneOf(u16, STATES)

export const neighbourMessage = message(
  struct({ family: family8, pad: pad(3), ifindex: s32, state: state16, flags: u8, type: type8 }),
  attributes({
    ip: [1, ip],
    lladdr: [2, bytes],
    cacheinfo: [3, struct({ confirmed: clock(u32), used: clock(u32), updated: clock(u32), references: u32 })],
    probes: [4, u32],
    ofLink: [8, u32],
    master: [9, u32],
    protocol: [12, u8],
    extFlags: [15, u32],
  }),
)
export type RawNeighbour = typeof neighbourMessage extends Codec<infer T> ? T : never
