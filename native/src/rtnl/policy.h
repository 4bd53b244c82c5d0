// The policy tables: every rtnetlink attribute that vtepd reads or writes, with its shape (linux/if_link.h, neighbour.h,
// rtnetlink.h, if_addr.h, fib_rules.h, veth.h). Readers and writers take the shape from here. Must not: hold what nobody uses.
#ifndef VTEPD_RTNL_POLICY_H_
#define VTEPD_RTNL_POLICY_H_

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "nl/attributes.h"

namespace vtepd::rtnl::policy {

using nl::Attr;
using nl::Shape;

namespace link {
inline constexpr Attr<Shape::kString> kName{IFLA_IFNAME};
inline constexpr Attr<Shape::kU32> kMtu{IFLA_MTU};
inline constexpr Attr<Shape::kU32> kTxQueueLength{IFLA_TXQLEN};
inline constexpr Attr<Shape::kBytes> kLladdr{IFLA_ADDRESS};
inline constexpr Attr<Shape::kU32> kMaster{IFLA_MASTER};
inline constexpr Attr<Shape::kU32> kParent{IFLA_LINK};
// Signed in the kernel; only its presence counts: `kParent` is then an ifindex of another namespace.
inline constexpr Attr<Shape::kU32> kParentNetns{IFLA_LINK_NETNSID};
inline constexpr Attr<Shape::kU32> kNetnsFd{IFLA_NET_NS_FD};
inline constexpr Attr<Shape::kU32> kExtMask{IFLA_EXT_MASK};
inline constexpr Attr<Shape::kBytes> kWireless{IFLA_WIRELESS};
// A list of attributes of one kind, kAltname.
inline constexpr Attr<Shape::kBytes> kProperties{IFLA_PROP_LIST};
inline constexpr Attr<Shape::kString> kAltname{IFLA_ALT_IFNAME};
inline constexpr Attr<Shape::kNested> kInfo{IFLA_LINKINFO};
inline constexpr Attr<Shape::kString> kInfoKind{IFLA_INFO_KIND};
inline constexpr Attr<Shape::kNested> kInfoData{IFLA_INFO_DATA};
}  // namespace link

namespace vxlan {
inline constexpr Attr<Shape::kU32> kVni{IFLA_VXLAN_ID};
inline constexpr Attr<Shape::kBytes> kGroup{IFLA_VXLAN_GROUP};
inline constexpr Attr<Shape::kBytes> kGroup6{IFLA_VXLAN_GROUP6};
inline constexpr Attr<Shape::kU32> kParent{IFLA_VXLAN_LINK};
inline constexpr Attr<Shape::kBytes> kLocal{IFLA_VXLAN_LOCAL};
inline constexpr Attr<Shape::kBytes> kLocal6{IFLA_VXLAN_LOCAL6};
inline constexpr Attr<Shape::kU8> kTtl{IFLA_VXLAN_TTL};
inline constexpr Attr<Shape::kU8> kTos{IFLA_VXLAN_TOS};
inline constexpr Attr<Shape::kU8> kLearning{IFLA_VXLAN_LEARNING};
inline constexpr Attr<Shape::kU8> kProxy{IFLA_VXLAN_PROXY};
inline constexpr Attr<Shape::kU8> kRsc{IFLA_VXLAN_RSC};
inline constexpr Attr<Shape::kU8> kL2Miss{IFLA_VXLAN_L2MISS};
inline constexpr Attr<Shape::kU8> kL3Miss{IFLA_VXLAN_L3MISS};
inline constexpr Attr<Shape::kU8> kZeroCsum6Tx{IFLA_VXLAN_UDP_ZERO_CSUM6_TX};
inline constexpr Attr<Shape::kU8> kZeroCsum6Rx{IFLA_VXLAN_UDP_ZERO_CSUM6_RX};
inline constexpr Attr<Shape::kU16Be> kPort{IFLA_VXLAN_PORT};
inline constexpr Attr<Shape::kFlag> kGbp{IFLA_VXLAN_GBP};
inline constexpr Attr<Shape::kU8> kMetadata{IFLA_VXLAN_COLLECT_METADATA};
}  // namespace vxlan

namespace veth {
inline constexpr Attr<Shape::kBytes> kPeer{VETH_INFO_PEER};
}

namespace address {
inline constexpr Attr<Shape::kBytes> kAddress{IFA_ADDRESS};
inline constexpr Attr<Shape::kBytes> kLocal{IFA_LOCAL};
inline constexpr Attr<Shape::kU32> kFlags{IFA_FLAGS};
// IFA_PROTO, which headers before Linux 5.18 lack.
inline constexpr Attr<Shape::kU8> kProtocol{11};
}  // namespace address

namespace neighbour {
inline constexpr Attr<Shape::kBytes> kDst{NDA_DST};
inline constexpr Attr<Shape::kBytes> kLladdr{NDA_LLADDR};
inline constexpr Attr<Shape::kU8> kProtocol{NDA_PROTOCOL};
// When it was used, in every entry that a table of the link itself holds.
inline constexpr Attr<Shape::kBytes> kCacheInfo{NDA_CACHEINFO};
// The link to dump, in a request; the output link of a remote, in an FDB entry.
inline constexpr Attr<Shape::kU32> kIfindex{NDA_IFINDEX};
// What an FDB entry may have that a record cannot hold.
inline constexpr Attr<Shape::kBytes> kVlan{NDA_VLAN};
inline constexpr Attr<Shape::kBytes> kPort{NDA_PORT};
inline constexpr Attr<Shape::kBytes> kVni{NDA_VNI};
inline constexpr Attr<Shape::kBytes> kSrcVni{NDA_SRC_VNI};
inline constexpr Attr<Shape::kBytes> kNexthop{NDA_NH_ID};
}  // namespace neighbour

namespace route {
inline constexpr Attr<Shape::kBytes> kDst{RTA_DST};
inline constexpr Attr<Shape::kBytes> kSrc{RTA_SRC};
inline constexpr Attr<Shape::kBytes> kGateway{RTA_GATEWAY};
inline constexpr Attr<Shape::kU32> kOif{RTA_OIF};
inline constexpr Attr<Shape::kU32> kIif{RTA_IIF};
inline constexpr Attr<Shape::kU32> kMark{RTA_MARK};
inline constexpr Attr<Shape::kU8> kIpProtocol{RTA_IP_PROTO};
inline constexpr Attr<Shape::kU16Be> kDestinationPort{RTA_DPORT};
inline constexpr Attr<Shape::kU32> kPriority{RTA_PRIORITY};
inline constexpr Attr<Shape::kU32> kTable{RTA_TABLE};
inline constexpr Attr<Shape::kBytes> kPrefSrc{RTA_PREFSRC};
// struct rtvia: a gateway of the other family.
inline constexpr Attr<Shape::kBytes> kVia{RTA_VIA};
inline constexpr Attr<Shape::kNested> kMetrics{RTA_METRICS};
inline constexpr Attr<Shape::kU32> kMetricMtu{RTAX_MTU};
// What a route may have that a record cannot hold.
inline constexpr Attr<Shape::kBytes> kMultipath{RTA_MULTIPATH};
inline constexpr Attr<Shape::kBytes> kNexthop{RTA_NH_ID};
inline constexpr Attr<Shape::kBytes> kEncap{RTA_ENCAP};
inline constexpr Attr<Shape::kBytes> kFlow{RTA_FLOW};
}  // namespace route

namespace rule {
inline constexpr Attr<Shape::kBytes> kDst{FRA_DST};
inline constexpr Attr<Shape::kBytes> kSrc{FRA_SRC};
inline constexpr Attr<Shape::kString> kIif{FRA_IIFNAME};
inline constexpr Attr<Shape::kString> kOif{FRA_OIFNAME};
inline constexpr Attr<Shape::kU32> kPriority{FRA_PRIORITY};
inline constexpr Attr<Shape::kU32> kTable{FRA_TABLE};
inline constexpr Attr<Shape::kU32> kMark{FRA_FWMARK};
inline constexpr Attr<Shape::kU32> kMask{FRA_FWMASK};
// What a rule may have that a record cannot hold.
inline constexpr Attr<Shape::kU32> kSuppressIfgroup{FRA_SUPPRESS_IFGROUP};
inline constexpr Attr<Shape::kU32> kSuppressPrefixLength{FRA_SUPPRESS_PREFIXLEN};
inline constexpr Attr<Shape::kBytes> kFlow{FRA_FLOW};
inline constexpr Attr<Shape::kBytes> kTunnel{FRA_TUN_ID};
inline constexpr Attr<Shape::kBytes> kL3mdev{FRA_L3MDEV};
inline constexpr Attr<Shape::kBytes> kUids{FRA_UID_RANGE};
inline constexpr Attr<Shape::kBytes> kIpProtocol{FRA_IP_PROTO};
inline constexpr Attr<Shape::kBytes> kSourcePorts{FRA_SPORT_RANGE};
inline constexpr Attr<Shape::kBytes> kDestinationPorts{FRA_DPORT_RANGE};
}  // namespace rule

}  // namespace vtepd::rtnl::policy

#endif  // VTEPD_RTNL_POLICY_H_
