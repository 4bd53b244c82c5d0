/**
 * RTM_*ADDR as codecs: struct ifaddrmsg and IFA_* (linux/if_addr.h). Attributes have the names that the values of address.ts have,
 * where they say the same. Must not: judge what they say together.
 */
import { attributes } from '../../netlink/attributes.ts'
import type { Codec } from '../../netlink/codec.ts'
import { message } from '../../netlink/message.ts'
import { ip, text, u8, u32 } from '../../netlink/scalars.ts'
import { struct } from '../../netlink/structs.ts'
import { family8, scope8 } from '../inet.ts'

export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22

export const IFA_F_SECONDARY = 0x01
export const IFA_F_NODAD = 0x02
export const IFA_F_OPTIMISTIC = 0x04
export const IFA_F_DADFAILED = 0x08
export const IFA_F_HOMEADDRESS = 0x10
export const IFA_F_DEPRECATED = 0x20
export const IFA_F_TENTATIVE = 0x40
export const IFA_F_PERMANENT = 0x80
export const IFA_F_MANAGETEMPADDR = 0x100
export const IFA_F_NOPREFIXROUTE = 0x200
export const IFA_F_MCAUTOJOIN = 0x400
export const IFA_F_STABLE_PRIVACY = 0x800

/** Of lifetimes: it never ends. */
export const INFINITY = 0xffffffff

const ifaddrmsg = struct({ family: family8, prefixLength: u8, shortFlags: u8, scope: scope8, ifindex: u32 })

/** struct ifa_cacheinfo: seconds, and hundredths of seconds since the system's start. */
const cacheinfo = struct({ preferred: u32, valid: u32, created: u32, updated: u32 })

export const addressMessage = message(
  ifaddrmsg,
  attributes({
    address: [1, ip],
    local: [2, ip],
    label: [3, text],
    broadcast: [4, ip],
    anycast: [5, ip],
    cacheinfo: [6, cacheinfo],
    flags: [8, u32],
    metric: [9, u32],
    protocol: [11, u8],
  }),
)
export type RawAddress = typeof addressMessage extends Codec<infer T> ? T : never
