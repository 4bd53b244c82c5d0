// The records that codecs read and write and that cross into JavaScript as they are: fixed size, no pointers, integers in
// host byte order, addresses in network order (IPv4 in the first four bytes, the rest zero). napi/abi.h states every
// offset and lib/addon/abi.ts repeats it. Must not: have a constructor, a method or padding that is not named.
#ifndef VTEPD_RTNL_RECORDS_H_
#define VTEPD_RTNL_RECORDS_H_

#include <array>
#include <cstdint>

namespace vtepd::rtnl {

using Address16 = std::array<uint8_t, 16>;
using Lladdr6 = std::array<uint8_t, 6>;

// A neighbour, FDB entry or route; what each field means for each kind stands in lib/addon/abi.ts.
struct Entry {
  uint8_t op;
  uint8_t kind;
  uint8_t family;
  uint8_t dst_length;
  Address16 dst;
  uint32_t priority;
  Address16 via;
  uint32_t ifindex;
  uint8_t protocol;
  uint8_t type;
  uint8_t scope;
  uint8_t flags;
};

enum EntryKind : uint8_t { kNeighbour = 1, kFdb = 2, kRoute = 3 };
enum EntryOp : uint8_t { kReplace = 1, kDelete = 2, kCreate = 3 };
enum EntryFlag : uint8_t { kOnlink = 0x01, kGateway = 0x02, kExtras = 0x04, kDead = 0x08, kMultipath = 0x10 };

// A link, in both directions: what the kernel reports, or what a request asks. `fields` says what counts.
struct LinkRecord {
  uint32_t ifindex;
  uint32_t fields;
  uint32_t flags;  // IFF_*; in a change only IFF_UP counts, and only with kHasUp
  uint32_t mtu;
  uint32_t tx_queue_length;
  uint32_t master;  // in a change 0 releases
  uint32_t parent;  // IFLA_LINK; reported only
  uint32_t vni;
  uint32_t vxlan_parent;  // IFLA_VXLAN_LINK
  uint16_t port;          // host byte order
  uint16_t vxlan_flags;
  std::array<char, 16> ifname;  // zero-terminated
  std::array<char, 16> kind;    // zero-terminated; a longer kind is cut
  Lladdr6 lladdr;
  uint8_t local_family;
  uint8_t group_family;
  Address16 local;
  Address16 group;
};

// An alternative name of a link, of which it may have many.
struct AltnameRecord {
  uint32_t ifindex;
  std::array<char, 128> name;  // zero-terminated
};

enum LinkField : uint32_t {
  kHasName = 0x0001,
  kHasMtu = 0x0002,
  kHasTxQueueLength = 0x0004,
  kHasLladdr = 0x0008,
  kHasMaster = 0x0010,
  kHasParent = 0x0020,
  kHasUp = 0x0040,
  kHasVxlan = 0x0080,  // reported: the link is a VXLAN device
  kHasVni = 0x0100,
  kHasLocal = 0x0200,
  kHasVxlanParent = 0x0400,
  kHasPort = 0x0800,
  kHasLearning = 0x1000,
  kHasGroup = 0x2000,
};

enum VxlanFlag : uint16_t {
  kLearning = 0x01,
  kGbp = 0x02,
  kMetadata = 0x04,
  kL2Miss = 0x08,
  kL3Miss = 0x10,
};

// One address of one link.
struct AddressRecord {
  uint32_t ifindex;
  uint32_t flags;  // IFA_F_*
  uint8_t family;
  uint8_t prefix_length;
  uint8_t scope;
  uint8_t protocol;  // IFA_PROTO: who added it; 0: not told
  Address16 ip;
};

// "Which route reaches X": the packet that is asked about. All addresses are of `family`.
struct QueryRecord {
  uint8_t family;
  uint8_t has_source;
  uint16_t udp_port;  // destination port in host byte order: the packet is UDP; 0: nothing is said of its protocol
  uint32_t oif;       // 0: any
  uint32_t iif;       // not 0: the packet came in there and is forwarded
  uint32_t mark;
  Address16 dst;
  Address16 source;
};

// Answer to that; a family of 0 means that there is none of this address.
struct ResolvedRecord {
  uint32_t oif;  // 0: the kernel names none
  uint32_t table;
  uint32_t mtu;  // of the route (RTAX_MTU); 0: none of its own
  uint8_t gateway_family;
  uint8_t source_family;
  uint16_t reserved;
  Address16 gateway;
  Address16 source;
};

// One policy rule. A prefix of length 0 selects nothing.
struct RuleRecord {
  uint32_t priority;
  uint32_t table;
  uint32_t mark;
  uint32_t mask;
  uint32_t fields;  // RuleField
  uint8_t family;
  uint8_t action;  // FR_ACT_*
  uint8_t src_length;
  uint8_t dst_length;
  Address16 src;
  Address16 dst;
  std::array<char, 16> iif;  // zero-terminated, as is the other
  std::array<char, 16> oif;
};

enum RuleField : uint32_t {
  kRuleHasIif = 0x01,
  kRuleHasOif = 0x02,
  kRuleHasMark = 0x04,
  kRuleInverted = 0x08,  // "not": it is for what the selectors do not match
  kRuleHasMore = 0x10,   // selectors or suppressors that the record does not tell
};

// An address of a link of ours, to be told to that link.
struct AnnounceRecord {
  uint32_t ifindex;
  uint8_t family;
  uint8_t flags;  // AnnounceFlag, of IPv6
  Lladdr6 lladdr;
  Address16 ip;
};

enum AnnounceFlag : uint8_t { kAnnounceRouter = 0x01, kAnnounceOverride = 0x02 };

// What a monitor heard: this header, then the record that `type` says (none for rule, overrun and closed).
struct EventHeader {
  uint8_t type;
  uint8_t action;
  uint16_t reserved;
  // nlmsg_pid · closed: the errno · overrun: 0 where messages were lost, else the type of the one that does not decode · raw:
  // bytes of messages that follow, padded to four · mark: how many were asked for
  uint32_t value;
};

// In an overrun: a datagram that does not hold whole messages. No type of message is as large.
inline constexpr uint32_t kBrokenFrame = 0x10000;

enum EventType : uint8_t {
  kLinkEvent = 1,
  kAddressEvent = 2,
  kEntryEvent = 3,
  kOverrunEvent = 4,
  kClosedEvent = 5,
  kRuleEvent = 6,
  kTouchedEvent = 7,
  kRawEvent = 8,
  kMarkEvent = 9,
};
enum EventAction : uint8_t { kSet = 1, kDeleted = 2 };

// What an encoder says of its record.
enum class Encoded {
  kOk,
  kDoesNotFit,  // more room is needed: nothing usable was written
  kCannot,      // no message can say this
};

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_RECORDS_H_
