/**
 * RTM_*RULE as codecs: struct fib_rule_hdr and FRA_* (linux/fib_rules.h). Attributes have the names that the values of rule.ts
 * have, where they say the same. Must not: judge what they say together.
 */
import { attributes } from '../../netlink/attributes.ts'
import type { Codec } from '../../netlink/codec.ts'
import { message } from '../../netlink/message.ts'
import { be32, be64, ip, oneOf, text, u8, u16, u32 } from '../../netlink/scalars.ts'
import { pad, struct } from '../../netlink/structs.ts'
import { family8 } from '../inet.ts'

export const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
export const RTM_GETRULE = 34

export const FIB_RULE_PERMANENT = 0x1
export const FIB_RULE_INVERT = 0x2
export const FIB_RULE_UNRESOLVED = 0x4
export const FIB_RULE_IIF_DETACHED = 0x8
export const FIB_RULE_OIF_DETACHED = 0x10

const ACTIONS = { lookup: 1, goto: 2, nop: 3, blackhole: 6, unreachable: 7, prohibit: 8 } as const
export const action8 = oneOf(u8, ACTIONS)

const ruleHeader = struct({
  family: family8,
  dstLength: u8,
  srcLength: u8,
  tos: u8,
  shortTable: u8,
  reserved: pad(2),
  action: action8,
  flags: u32,
})

export const ruleMessage = message(
  ruleHeader,
  attributes({
    dst: [1, ip],
    src: [2, ip],
    iif: [3, text],
    goto: [4, u32],
    priority: [6, u32],
    fwmark: [10, u32],
    realm: [11, u32],
    tunnelId: [12, be64],
    suppressInterfaceGroup: [13, u32],
    suppressPrefixLength: [14, u32],
    table: [15, u32],
    fwmask: [16, u32],
    oif: [17, text],
    l3mdev: [19, u8],
    uidRange: [20, struct({ start: u32, end: u32 })],
    protocol: [21, u8],
    ipProtocol: [22, oneOf(u8, { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 })],
    sport: [23, struct({ start: u16, end: u16 })],
    dport: [24, struct({ start: u16, end: u16 })],
    dscp: [25, u8],
    flowLabel: [26, be32],
    flowLabelMask: [27, be32],
    sportMask: [28, u16],
    dportMask: [29, u16],
    dscpMask: [30, u8],
  }),
)
export type RawRule = typeof ruleMessage extends Codec<infer T> ? T : never
