// Twin of lib/addon/abi.ts, which says what each field means: the layouts and numbers that both sides of the boundary
// share. test/rtnl/abi.test.ts compares the two; the assertions below compare this one with the records themselves.
// Must not: interpret anything.
#ifndef VTEPD_NAPI_ABI_H_
#define VTEPD_NAPI_ABI_H_

#include <linux/fib_rules.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>

#include "rtnl/records.h"
#include "sock/outcome.h"

namespace vtepd::abi {

inline constexpr size_t kEntryBytes = 48;

inline constexpr size_t kOffsetOp = 0;
inline constexpr size_t kOffsetKind = 1;
inline constexpr size_t kOffsetFamily = 2;
inline constexpr size_t kOffsetDstLength = 3;
inline constexpr size_t kOffsetDst = 4;
inline constexpr size_t kOffsetPriority = 20;
inline constexpr size_t kOffsetVia = 24;
inline constexpr size_t kOffsetIfindex = 40;
inline constexpr size_t kOffsetProtocol = 44;
inline constexpr size_t kOffsetType = 45;
inline constexpr size_t kOffsetScope = 46;
inline constexpr size_t kOffsetFlags = 47;

inline constexpr uint8_t kKindNeighbour = 1;
inline constexpr uint8_t kKindFdb = 2;
inline constexpr uint8_t kKindRoute = 3;

inline constexpr uint8_t kOpReplace = 1;
inline constexpr uint8_t kOpDelete = 2;
inline constexpr uint8_t kOpCreate = 3;

inline constexpr uint8_t kEntryOnlink = 0x01;
inline constexpr uint8_t kEntryGateway = 0x02;
inline constexpr uint8_t kEntryExtras = 0x04;
inline constexpr uint8_t kEntryDead = 0x08;
inline constexpr uint8_t kEntryMultipath = 0x10;

inline constexpr uint8_t kAfInet = 2;
inline constexpr uint8_t kAfInet6 = 10;
inline constexpr uint8_t kNudPermanent = 0x80;
inline constexpr uint8_t kNtfSelf = 0x02;
inline constexpr uint8_t kRtnUnicast = 1;
inline constexpr uint8_t kRtnBlackhole = 6;
inline constexpr uint8_t kRtprotKernel = 2;
inline constexpr uint8_t kRtprotBoot = 3;
inline constexpr uint8_t kRtprotVtepd = 118;

inline constexpr size_t kLinkBytes = 112;

inline constexpr size_t kLinkIfindex = 0;
inline constexpr size_t kLinkFields = 4;
inline constexpr size_t kLinkFlags = 8;
inline constexpr size_t kLinkMtu = 12;
inline constexpr size_t kLinkTxQueueLength = 16;
inline constexpr size_t kLinkMaster = 20;
inline constexpr size_t kLinkParent = 24;
inline constexpr size_t kLinkVni = 28;
inline constexpr size_t kLinkVxlanParent = 32;
inline constexpr size_t kLinkPort = 36;
inline constexpr size_t kLinkVxlanFlags = 38;
inline constexpr size_t kLinkIfname = 40;
inline constexpr size_t kLinkKind = 56;
inline constexpr size_t kLinkLladdr = 72;
inline constexpr size_t kLinkLocalFamily = 78;
inline constexpr size_t kLinkGroupFamily = 79;
inline constexpr size_t kLinkLocal = 80;
inline constexpr size_t kLinkGroup = 96;

inline constexpr uint32_t kLinkHasName = 0x0001;
inline constexpr uint32_t kLinkHasMtu = 0x0002;
inline constexpr uint32_t kLinkHasTxQueueLength = 0x0004;
inline constexpr uint32_t kLinkHasLladdr = 0x0008;
inline constexpr uint32_t kLinkHasMaster = 0x0010;
inline constexpr uint32_t kLinkHasParent = 0x0020;
inline constexpr uint32_t kLinkHasUp = 0x0040;
inline constexpr uint32_t kLinkHasVxlan = 0x0080;
inline constexpr uint32_t kLinkHasVni = 0x0100;
inline constexpr uint32_t kLinkHasLocal = 0x0200;
inline constexpr uint32_t kLinkHasVxlanParent = 0x0400;
inline constexpr uint32_t kLinkHasPort = 0x0800;
inline constexpr uint32_t kLinkHasLearning = 0x1000;
inline constexpr uint32_t kLinkHasGroup = 0x2000;

inline constexpr uint16_t kVxlanLearning = 0x01;
inline constexpr uint16_t kVxlanGbp = 0x02;
inline constexpr uint16_t kVxlanMetadata = 0x04;
inline constexpr uint16_t kVxlanL2miss = 0x08;
inline constexpr uint16_t kVxlanL3miss = 0x10;

inline constexpr size_t kAltnameBytes = 132;

inline constexpr size_t kAltnameIfindex = 0;
inline constexpr size_t kAltnameName = 4;

inline constexpr size_t kAddressBytes = 28;

inline constexpr size_t kAddressIfindex = 0;
inline constexpr size_t kAddressFlags = 4;
inline constexpr size_t kAddressFamily = 8;
inline constexpr size_t kAddressPrefixLength = 9;
inline constexpr size_t kAddressScope = 10;
inline constexpr size_t kAddressProtocol = 11;
inline constexpr size_t kAddressIp = 12;

inline constexpr size_t kQueryBytes = 48;

inline constexpr size_t kQueryFamily = 0;
inline constexpr size_t kQueryHasSource = 1;
inline constexpr size_t kQueryUdpPort = 2;
inline constexpr size_t kQueryOif = 4;
inline constexpr size_t kQueryIif = 8;
inline constexpr size_t kQueryMark = 12;
inline constexpr size_t kQueryDst = 16;
inline constexpr size_t kQuerySource = 32;

inline constexpr size_t kResolvedBytes = 48;

inline constexpr size_t kResolvedOif = 0;
inline constexpr size_t kResolvedTable = 4;
inline constexpr size_t kResolvedMtu = 8;
inline constexpr size_t kResolvedGatewayFamily = 12;
inline constexpr size_t kResolvedSourceFamily = 13;
inline constexpr size_t kResolvedGateway = 16;
inline constexpr size_t kResolvedSource = 32;

inline constexpr size_t kRuleBytes = 88;

inline constexpr size_t kRulePriority = 0;
inline constexpr size_t kRuleTable = 4;
inline constexpr size_t kRuleMark = 8;
inline constexpr size_t kRuleMask = 12;
inline constexpr size_t kRuleFields = 16;
inline constexpr size_t kRuleFamily = 20;
inline constexpr size_t kRuleAction = 21;
inline constexpr size_t kRuleSrcLength = 22;
inline constexpr size_t kRuleDstLength = 23;
inline constexpr size_t kRuleSrc = 24;
inline constexpr size_t kRuleDst = 40;
inline constexpr size_t kRuleIif = 56;
inline constexpr size_t kRuleOif = 72;

inline constexpr uint32_t kRuleHasIif = 0x01;
inline constexpr uint32_t kRuleHasOif = 0x02;
inline constexpr uint32_t kRuleHasMark = 0x04;
inline constexpr uint32_t kRuleInverted = 0x08;
inline constexpr uint32_t kRuleHasMore = 0x10;

inline constexpr uint8_t kFrActToTbl = 1;
inline constexpr uint8_t kFrActBlackhole = 6;
inline constexpr uint8_t kFrActUnreachable = 7;
inline constexpr uint8_t kFrActProhibit = 8;

inline constexpr size_t kAnnounceBytes = 28;

inline constexpr size_t kAnnounceIfindex = 0;
inline constexpr size_t kAnnounceFamily = 4;
inline constexpr size_t kAnnounceFlags = 5;
inline constexpr size_t kAnnounceLladdr = 6;
inline constexpr size_t kAnnounceIp = 12;

inline constexpr uint8_t kAnnounceRouter = 0x01;
inline constexpr uint8_t kAnnounceOverride = 0x02;

inline constexpr size_t kEventHeaderBytes = 8;

inline constexpr size_t kEventType = 0;
inline constexpr size_t kEventAction = 1;
inline constexpr size_t kEventValue = 4;

inline constexpr uint32_t kBrokenFrame = 0x10000;

inline constexpr uint8_t kEventLink = 1;
inline constexpr uint8_t kEventAddress = 2;
inline constexpr uint8_t kEventEntry = 3;
inline constexpr uint8_t kEventOverrun = 4;
inline constexpr uint8_t kEventClosed = 5;
inline constexpr uint8_t kEventRule = 6;
inline constexpr uint8_t kEventTouched = 7;
inline constexpr uint8_t kEventRaw = 8;
inline constexpr uint8_t kEventMark = 9;
inline constexpr uint8_t kActionSet = 1;
inline constexpr uint8_t kActionDeleted = 2;

inline constexpr uint8_t kDumpLinks = 1;
inline constexpr uint8_t kDumpAddresses = 2;
inline constexpr uint8_t kDumpRoutes = 3;
inline constexpr uint8_t kDumpNeighbours = 4;
inline constexpr uint8_t kDumpFdb = 5;
inline constexpr uint8_t kDumpRules = 6;

inline constexpr uint8_t kOutcomeDone = 0;
inline constexpr uint8_t kOutcomeRefused = 1;
inline constexpr uint8_t kOutcomeSocket = 2;
inline constexpr uint8_t kOutcomeProtocol = 3;

static_assert(sizeof(rtnl::Entry) == kEntryBytes);
static_assert(offsetof(rtnl::Entry, op) == kOffsetOp && offsetof(rtnl::Entry, kind) == kOffsetKind);
static_assert(offsetof(rtnl::Entry, family) == kOffsetFamily && offsetof(rtnl::Entry, dst) == kOffsetDst);
static_assert(offsetof(rtnl::Entry, dst_length) == kOffsetDstLength && offsetof(rtnl::Entry, via) == kOffsetVia);
static_assert(offsetof(rtnl::Entry, priority) == kOffsetPriority && offsetof(rtnl::Entry, ifindex) == kOffsetIfindex);
static_assert(offsetof(rtnl::Entry, protocol) == kOffsetProtocol && offsetof(rtnl::Entry, type) == kOffsetType);
static_assert(offsetof(rtnl::Entry, scope) == kOffsetScope && offsetof(rtnl::Entry, flags) == kOffsetFlags);
static_assert(rtnl::kNeighbour == kKindNeighbour && rtnl::kFdb == kKindFdb && rtnl::kRoute == kKindRoute);
static_assert(rtnl::kReplace == kOpReplace && rtnl::kDelete == kOpDelete && rtnl::kCreate == kOpCreate);
static_assert(rtnl::kOnlink == kEntryOnlink && rtnl::kGateway == kEntryGateway);
static_assert(rtnl::kExtras == kEntryExtras && rtnl::kDead == kEntryDead);
static_assert(rtnl::kMultipath == kEntryMultipath);
static_assert(AF_INET == kAfInet && AF_INET6 == kAfInet6 && NUD_PERMANENT == kNudPermanent && NTF_SELF == kNtfSelf);
static_assert(RTN_UNICAST == kRtnUnicast && RTN_BLACKHOLE == kRtnBlackhole);
static_assert(RTPROT_KERNEL == kRtprotKernel && RTPROT_BOOT == kRtprotBoot);

static_assert(sizeof(rtnl::LinkRecord) == kLinkBytes);
static_assert(offsetof(rtnl::LinkRecord, ifindex) == kLinkIfindex && offsetof(rtnl::LinkRecord, fields) == kLinkFields);
static_assert(offsetof(rtnl::LinkRecord, flags) == kLinkFlags && offsetof(rtnl::LinkRecord, mtu) == kLinkMtu);
static_assert(offsetof(rtnl::LinkRecord, tx_queue_length) == kLinkTxQueueLength);
static_assert(offsetof(rtnl::LinkRecord, master) == kLinkMaster && offsetof(rtnl::LinkRecord, parent) == kLinkParent);
static_assert(offsetof(rtnl::LinkRecord, vni) == kLinkVni && offsetof(rtnl::LinkRecord, port) == kLinkPort);
static_assert(offsetof(rtnl::LinkRecord, vxlan_parent) == kLinkVxlanParent);
static_assert(offsetof(rtnl::LinkRecord, vxlan_flags) == kLinkVxlanFlags);
static_assert(offsetof(rtnl::LinkRecord, ifname) == kLinkIfname && offsetof(rtnl::LinkRecord, kind) == kLinkKind);
static_assert(offsetof(rtnl::LinkRecord, lladdr) == kLinkLladdr && offsetof(rtnl::LinkRecord, local) == kLinkLocal);
static_assert(offsetof(rtnl::LinkRecord, local_family) == kLinkLocalFamily);
static_assert(offsetof(rtnl::LinkRecord, group_family) == kLinkGroupFamily);
static_assert(offsetof(rtnl::LinkRecord, group) == kLinkGroup);
static_assert(rtnl::kHasName == kLinkHasName && rtnl::kHasMtu == kLinkHasMtu && rtnl::kHasUp == kLinkHasUp);
static_assert(rtnl::kHasTxQueueLength == kLinkHasTxQueueLength && rtnl::kHasLladdr == kLinkHasLladdr);
static_assert(rtnl::kHasMaster == kLinkHasMaster && rtnl::kHasParent == kLinkHasParent);
static_assert(rtnl::kHasVxlan == kLinkHasVxlan && rtnl::kHasVni == kLinkHasVni && rtnl::kHasLocal == kLinkHasLocal);
static_assert(rtnl::kHasVxlanParent == kLinkHasVxlanParent && rtnl::kHasPort == kLinkHasPort);
static_assert(rtnl::kHasLearning == kLinkHasLearning && rtnl::kHasGroup == kLinkHasGroup);
static_assert(rtnl::kLearning == kVxlanLearning && rtnl::kGbp == kVxlanGbp && rtnl::kMetadata == kVxlanMetadata);
static_assert(rtnl::kL2Miss == kVxlanL2miss && rtnl::kL3Miss == kVxlanL3miss);

static_assert(sizeof(rtnl::AltnameRecord) == kAltnameBytes);
static_assert(offsetof(rtnl::AltnameRecord, ifindex) == kAltnameIfindex);
static_assert(offsetof(rtnl::AltnameRecord, name) == kAltnameName);

static_assert(offsetof(rtnl::AddressRecord, protocol) == kAddressProtocol);
static_assert(sizeof(rtnl::AddressRecord) == kAddressBytes && offsetof(rtnl::AddressRecord, ifindex) == kAddressIfindex);
static_assert(offsetof(rtnl::AddressRecord, flags) == kAddressFlags);
static_assert(offsetof(rtnl::AddressRecord, family) == kAddressFamily);
static_assert(offsetof(rtnl::AddressRecord, prefix_length) == kAddressPrefixLength);
static_assert(offsetof(rtnl::AddressRecord, scope) == kAddressScope && offsetof(rtnl::AddressRecord, ip) == kAddressIp);

static_assert(sizeof(rtnl::QueryRecord) == kQueryBytes && offsetof(rtnl::QueryRecord, family) == kQueryFamily);
static_assert(offsetof(rtnl::QueryRecord, has_source) == kQueryHasSource);
static_assert(offsetof(rtnl::QueryRecord, udp_port) == kQueryUdpPort && offsetof(rtnl::QueryRecord, oif) == kQueryOif);
static_assert(offsetof(rtnl::QueryRecord, iif) == kQueryIif && offsetof(rtnl::QueryRecord, mark) == kQueryMark);
static_assert(offsetof(rtnl::QueryRecord, dst) == kQueryDst && offsetof(rtnl::QueryRecord, source) == kQuerySource);

static_assert(sizeof(rtnl::ResolvedRecord) == kResolvedBytes && offsetof(rtnl::ResolvedRecord, oif) == kResolvedOif);
static_assert(offsetof(rtnl::ResolvedRecord, gateway_family) == kResolvedGatewayFamily);
static_assert(offsetof(rtnl::ResolvedRecord, source_family) == kResolvedSourceFamily);
static_assert(offsetof(rtnl::ResolvedRecord, table) == kResolvedTable);
static_assert(offsetof(rtnl::ResolvedRecord, mtu) == kResolvedMtu);
static_assert(offsetof(rtnl::ResolvedRecord, gateway) == kResolvedGateway);
static_assert(offsetof(rtnl::ResolvedRecord, source) == kResolvedSource);

static_assert(sizeof(rtnl::RuleRecord) == kRuleBytes && offsetof(rtnl::RuleRecord, priority) == kRulePriority);
static_assert(offsetof(rtnl::RuleRecord, table) == kRuleTable && offsetof(rtnl::RuleRecord, mark) == kRuleMark);
static_assert(offsetof(rtnl::RuleRecord, mask) == kRuleMask && offsetof(rtnl::RuleRecord, fields) == kRuleFields);
static_assert(offsetof(rtnl::RuleRecord, family) == kRuleFamily && offsetof(rtnl::RuleRecord, action) == kRuleAction);
static_assert(offsetof(rtnl::RuleRecord, src_length) == kRuleSrcLength);
static_assert(offsetof(rtnl::RuleRecord, dst_length) == kRuleDstLength);
static_assert(offsetof(rtnl::RuleRecord, src) == kRuleSrc && offsetof(rtnl::RuleRecord, dst) == kRuleDst);
static_assert(offsetof(rtnl::RuleRecord, iif) == kRuleIif && offsetof(rtnl::RuleRecord, oif) == kRuleOif);
static_assert(rtnl::kRuleHasIif == kRuleHasIif && rtnl::kRuleHasOif == kRuleHasOif);
static_assert(rtnl::kRuleHasMark == kRuleHasMark && rtnl::kRuleInverted == kRuleInverted);
static_assert(rtnl::kRuleHasMore == kRuleHasMore);
static_assert(FR_ACT_TO_TBL == kFrActToTbl && FR_ACT_BLACKHOLE == kFrActBlackhole);
static_assert(FR_ACT_UNREACHABLE == kFrActUnreachable && FR_ACT_PROHIBIT == kFrActProhibit);

static_assert(sizeof(rtnl::AnnounceRecord) == kAnnounceBytes);
static_assert(offsetof(rtnl::AnnounceRecord, ifindex) == kAnnounceIfindex);
static_assert(offsetof(rtnl::AnnounceRecord, family) == kAnnounceFamily);
static_assert(offsetof(rtnl::AnnounceRecord, flags) == kAnnounceFlags);
static_assert(offsetof(rtnl::AnnounceRecord, lladdr) == kAnnounceLladdr);
static_assert(offsetof(rtnl::AnnounceRecord, ip) == kAnnounceIp);
static_assert(rtnl::kAnnounceRouter == kAnnounceRouter && rtnl::kAnnounceOverride == kAnnounceOverride);

static_assert(sizeof(rtnl::EventHeader) == kEventHeaderBytes && offsetof(rtnl::EventHeader, type) == kEventType);
static_assert(offsetof(rtnl::EventHeader, action) == kEventAction && offsetof(rtnl::EventHeader, value) == kEventValue);
static_assert(rtnl::kBrokenFrame == kBrokenFrame);
static_assert(rtnl::kLinkEvent == kEventLink && rtnl::kAddressEvent == kEventAddress);
static_assert(rtnl::kEntryEvent == kEventEntry && rtnl::kOverrunEvent == kEventOverrun);
static_assert(rtnl::kRuleEvent == kEventRule && rtnl::kTouchedEvent == kEventTouched &&
              rtnl::kRawEvent == kEventRaw && rtnl::kMarkEvent == kEventMark);
static_assert(rtnl::kClosedEvent == kEventClosed && rtnl::kSet == kActionSet && rtnl::kDeleted == kActionDeleted);

static_assert(static_cast<uint8_t>(sock::Outcome::Kind::kDone) == kOutcomeDone);
static_assert(static_cast<uint8_t>(sock::Outcome::Kind::kRefused) == kOutcomeRefused);
static_assert(static_cast<uint8_t>(sock::Outcome::Kind::kSocket) == kOutcomeSocket);
static_assert(static_cast<uint8_t>(sock::Outcome::Kind::kProtocol) == kOutcomeProtocol);

}  // namespace vtepd::abi

#endif  // VTEPD_NAPI_ABI_H_
