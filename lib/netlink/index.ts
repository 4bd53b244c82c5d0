/**
 * `vtepd/netlink`: the open floor. Any request, dump or multicast group of any netlink family, with codecs for attributes, structs
 * and whole messages; generic netlink by the names of its families. Must not: export what only vtepd's own floors need.
 */
export { NetlinkError, NetlinkProtocolError, NetlinkSocketError, VtepdError } from '../errors.ts'
export type { Ip } from '../net/ip.ts'
export type { Lladdr } from '../net/lladdr.ts'
export { type Attributes, type AttributeValues, attributes, eachAttribute, listOf } from './attributes.ts'
export { ByteWriter } from './byte-writer.ts'
export type { CallOptions } from './call.ts'
export type { Codec, ValueOf } from './codec.ts'
export type { Dump } from './dump.ts'
export { type Generic, type GenericFamily, type GenericQuery, openGeneric } from './generic.ts'
export {
  decodePayload,
  encodeMessage,
  message,
  type NetlinkMessage,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_ECHO,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from './message.ts'
export {
  type Netlink,
  type NetlinkOptions,
  type NetlinkProtocol,
  openNetlink,
  type Query,
  type TypedQuery,
} from './netlink.ts'
export type { NetnsRef } from './netns-path.ts'
export { be16, be32, bool8, bytes, count64, flag, ip, lladdr, oneOf, s32, text, u8, u16, u32, u64 } from './scalars.ts'
export { packed, pad, struct } from './structs.ts'
export type { NetlinkEvent, Subscription, SubscriptionOptions } from './subscription.ts'
export type { Unreadable } from './unreadable.ts'
