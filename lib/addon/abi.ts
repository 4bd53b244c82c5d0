/**
 * Twin of native/src/napi/abi.h: the layouts of what crosses the boundary, and the numbers both sides share. A test
 * compares the two files. Must not: interpret anything; lib/rtnl/entries.ts and records.ts give the bytes their meaning.
 *
 * One entry is 48 bytes, the same for neighbours, FDB entries and routes; all integers in host byte order (the buffer
 * never leaves the machine), all addresses in network order, IPv4 in the first four bytes with the rest zero:
 *
 *    0 op        u8   what a batch shall do (OP_*); 0 in a dump
 *    1 kind      u8   KIND_*
 *    2 family    u8   AF_INET or AF_INET6: of dst for neighbours and routes, of the remote for FDB entries
 *    3 dstLength u8   route: prefix length; else 0
 *    4 dst       16 B key: neighbour: overlay IP · FDB: lladdr in the first 6 bytes · route: destination
 *   20 priority  u32  route: metric (RTA_PRIORITY); else 0
 *   24 via       16 B value: neighbour: lladdr in the first 6 bytes · FDB: remote underlay IP · route: gateway or zero
 *   40 ifindex   u32  neighbour, FDB: the link · route: output link or 0
 *   44 protocol  u8   neighbour: NDA_PROTOCOL · route: rtm_protocol (118 = ours, 3 = boot)
 *   45 type      u8   route: RTN_* (1 unicast, 6 blackhole) · neighbour, FDB: NUD_* low byte (0x80 permanent)
 *   46 scope     u8   route: RT_SCOPE_* · neighbour, FDB: NTF_* flags (0x02 self, 0x10 extern_learn)
 *   47 flags     u8   ENTRY_*
 */

export const ENTRY_BYTES = 48

export const OFFSET_OP = 0
export const OFFSET_KIND = 1
export const OFFSET_FAMILY = 2
export const OFFSET_DST_LENGTH = 3
export const OFFSET_DST = 4
export const OFFSET_PRIORITY = 20
export const OFFSET_VIA = 24
export const OFFSET_IFINDEX = 40
export const OFFSET_PROTOCOL = 44
export const OFFSET_TYPE = 45
export const OFFSET_SCOPE = 46
export const OFFSET_FLAGS = 47

export const KIND_NEIGHBOUR = 1
export const KIND_FDB = 2
export const KIND_ROUTE = 3

/** NLM_F_CREATE | NLM_F_REPLACE. */
export const OP_REPLACE = 1
/** RTM_DEL*; a route is deleted by destination, metric, protocol, output link and gateway as given in the entry. */
export const OP_DELETE = 2
/** NLM_F_CREATE | NLM_F_EXCL: EEXIST when the key is taken. */
export const OP_CREATE = 3

/** Route: RTNH_F_ONLINK. */
export const ENTRY_ONLINK = 0x01
/** Route: some next hop has a gateway; `via` is zero where that is of the other family. */
export const ENTRY_GATEWAY = 0x02
/** Has what this layout cannot hold (several next hops, nexthop id, prefsrc, metrics, encap, TOS; FDB with vni, port or vlan). */
export const ENTRY_EXTRAS = 0x04
/** Route: RTNH_F_DEAD or RTNH_F_LINKDOWN is set, of several next hops on all. Only in dumps. */
export const ENTRY_DEAD = 0x08
/**
 * Route: has several next hops, or such as only a nexthop object knows; ENTRY_EXTRAS is set too. `ifindex` and `via` are those
 * of the first (0: not told); ENTRY_GATEWAY is set when any has a gateway.
 */
export const ENTRY_MULTIPATH = 0x10

export const AF_INET = 2
export const AF_INET6 = 10
export const NUD_PERMANENT = 0x80
export const NTF_SELF = 0x02
export const RTN_UNICAST = 1
export const RTN_BLACKHOLE = 6
export const RTPROT_KERNEL = 2
export const RTPROT_BOOT = 3
/** The route and neighbour protocol number that marks an entry as vtepd's own (design decision 3). */
export const RTPROT_VTEPD = 118

/**
 * A link, in both directions: what a dump or the monitor reports, or what a request asks. LINK_FIELDS says which of the
 * other fields count (LINK_HAS_*). Byte order as above; texts end in a zero.
 */
export const LINK_BYTES = 112
export const LINK_IFINDEX = 0
export const LINK_FIELDS = 4
/** IFF_*. In a change only IFF_UP counts, and only with LINK_HAS_UP. */
export const LINK_FLAGS = 8
export const LINK_MTU = 12
export const LINK_TX_QUEUE_LENGTH = 16
/** In a change 0 releases the link from its master. */
export const LINK_MASTER = 20
/** IFLA_LINK: the link below, or the veth peer; reported only. */
export const LINK_PARENT = 24
export const LINK_VNI = 28
/** IFLA_VXLAN_LINK: what the device is pinned to. */
export const LINK_VXLAN_PARENT = 32
/** u16, as are the VXLAN_* flags that follow it. */
export const LINK_PORT = 36
export const LINK_VXLAN_FLAGS = 38
/** 16 bytes. */
export const LINK_IFNAME = 40
/** 16 bytes; a longer kind is cut. */
export const LINK_KIND = 56
/** 6 bytes. */
export const LINK_LLADDR = 72
/** AF_*, u8, as is the one that follows it. */
export const LINK_LOCAL_FAMILY = 78
export const LINK_GROUP_FAMILY = 79
/** 16 bytes each. */
export const LINK_LOCAL = 80
export const LINK_GROUP = 96

export const LINK_HAS_NAME = 0x0001
export const LINK_HAS_MTU = 0x0002
export const LINK_HAS_TX_QUEUE_LENGTH = 0x0004
export const LINK_HAS_LLADDR = 0x0008
export const LINK_HAS_MASTER = 0x0010
export const LINK_HAS_PARENT = 0x0020
export const LINK_HAS_UP = 0x0040
/** Reported: this is a VXLAN device. */
export const LINK_HAS_VXLAN = 0x0080
export const LINK_HAS_VNI = 0x0100
export const LINK_HAS_LOCAL = 0x0200
export const LINK_HAS_VXLAN_PARENT = 0x0400
export const LINK_HAS_PORT = 0x0800
export const LINK_HAS_LEARNING = 0x1000
export const LINK_HAS_GROUP = 0x2000

export const VXLAN_LEARNING = 0x01
export const VXLAN_GBP = 0x02
export const VXLAN_METADATA = 0x04
export const VXLAN_L2MISS = 0x08
export const VXLAN_L3MISS = 0x10

/** An alternative name of a link: 128 bytes of text that end in a zero. */
export const ALTNAME_BYTES = 132
export const ALTNAME_IFINDEX = 0
export const ALTNAME_NAME = 4

/** One address of one link. Flags are IFA_F_*, u32; family to protocol are one byte each; 16 bytes of address. */
export const ADDRESS_BYTES = 28
export const ADDRESS_IFINDEX = 0
export const ADDRESS_FLAGS = 4
export const ADDRESS_FAMILY = 8
export const ADDRESS_PREFIX_LENGTH = 9
export const ADDRESS_SCOPE = 10
/** IFA_PROTO, 0: not told. */
export const ADDRESS_PROTOCOL = 11
export const ADDRESS_IP = 12

/** "Which route reaches X": the packet that is asked about. */
export const QUERY_BYTES = 48
/** AF_*, u8, as is the one that follows it; of both addresses. */
export const QUERY_FAMILY = 0
export const QUERY_HAS_SOURCE = 1
/** u16: the packet is UDP to this port; 0: nothing is said. The next three are u32, 0: nothing is said. */
export const QUERY_UDP_PORT = 2
export const QUERY_OIF = 4
export const QUERY_IIF = 8
export const QUERY_MARK = 12
/** 16 bytes each. */
export const QUERY_DST = 16
export const QUERY_SOURCE = 32

/** Answer to that; a family of 0 says that there is no such address, an oif or MTU of 0 that there is none. */
export const RESOLVED_BYTES = 48
export const RESOLVED_OIF = 0
export const RESOLVED_TABLE = 4
export const RESOLVED_MTU = 8
export const RESOLVED_GATEWAY_FAMILY = 12
export const RESOLVED_SOURCE_FAMILY = 13
export const RESOLVED_GATEWAY = 16
export const RESOLVED_SOURCE = 32

/** One policy rule. The first five are u32, the next four u8; a prefix of length 0 selects nothing. */
export const RULE_BYTES = 88
export const RULE_PRIORITY = 0
export const RULE_TABLE = 4
export const RULE_MARK = 8
export const RULE_MASK = 12
/** RULE_HAS_* and RULE_INVERTED. */
export const RULE_FIELDS = 16
/** AF_*, of both prefixes. */
export const RULE_FAMILY = 20
/** FR_ACT_*. */
export const RULE_ACTION = 21
export const RULE_SRC_LENGTH = 22
export const RULE_DST_LENGTH = 23
/** 16 bytes each, as are the names, which end in a zero. */
export const RULE_SRC = 24
export const RULE_DST = 40
export const RULE_IIF = 56
export const RULE_OIF = 72

export const RULE_HAS_IIF = 0x01
export const RULE_HAS_OIF = 0x02
export const RULE_HAS_MARK = 0x04
export const RULE_INVERTED = 0x08
/** Selectors or suppressors that the record does not tell. */
export const RULE_HAS_MORE = 0x10

/** What a rule does with the packets that it selects (linux/fib_rules.h). */
export const FR_ACT_TO_TBL = 1
export const FR_ACT_BLACKHOLE = 6
export const FR_ACT_UNREACHABLE = 7
export const FR_ACT_PROHIBIT = 8

/** An address to be told to a link: u32, two u8, 6 bytes of lladdr, 16 bytes of address. */
export const ANNOUNCE_BYTES = 28
export const ANNOUNCE_IFINDEX = 0
/** AF_*. */
export const ANNOUNCE_FAMILY = 4
export const ANNOUNCE_FLAGS = 5
export const ANNOUNCE_LLADDR = 6
export const ANNOUNCE_IP = 12

/** Of IPv6 only. */
export const ANNOUNCE_ROUTER = 0x01
export const ANNOUNCE_OVERRIDE = 0x02

/** What a monitor heard: this header, then the record of its type (none for rule, touched, overrun and closed). */
export const EVENT_HEADER_BYTES = 8
export const EVENT_TYPE = 0
export const EVENT_ACTION = 1
/**
 * u32: nlmsg_pid; for EVENT_CLOSED the errno; for EVENT_OVERRUN 0 where messages were lost, else the type of a message that
 * does not decode, or BROKEN_FRAME.
 */
export const EVENT_VALUE = 4
/** A datagram that does not hold whole messages. */
export const BROKEN_FRAME = 0x10000

export const EVENT_LINK = 1
export const EVENT_ADDRESS = 2
export const EVENT_ENTRY = 3
export const EVENT_OVERRUN = 4
export const EVENT_CLOSED = 5
export const EVENT_RULE = 6
/** Of nftables: EVENT_VALUE is the index of what is watched and was touched. */
export const EVENT_TOUCHED = 7
/** Messages as the kernel sent them: EVENT_VALUE is their bytes, which follow, padded to a multiple of four. */
export const EVENT_RAW = 8
/** Behind everything that was queued when it was asked for: EVENT_VALUE is how many marks it answers. */
export const EVENT_MARK = 9
export const ACTION_SET = 1
export const ACTION_DELETED = 2

/** What a dump shall bring. */
export const DUMP_LINKS = 1
export const DUMP_ADDRESSES = 2
export const DUMP_ROUTES = 3
export const DUMP_NEIGHBOURS = 4
export const DUMP_FDB = 5
export const DUMP_RULES = 6

/** How a call of the addon ended. */
export const OUTCOME_DONE = 0
/** By the kernel: errno, its sentence, the offset of the offending attribute in the request. */
export const OUTCOME_REFUSED = 1
/** The socket failed: what became of the request is unknown. */
export const OUTCOME_SOCKET = 2
/** The kernel's answer does not decode. */
export const OUTCOME_PROTOCOL = 3
