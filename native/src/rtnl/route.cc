#include "rtnl/route.h"

#include <netinet/in.h>

#include "rtnl/entry.h"
#include "rtnl/ip.h"
#include "rtnl/policy.h"
#include "rtnl/sound.h"

namespace vtepd::rtnl {

namespace {

namespace a = policy::route;

// What makes a route more than an entry can say.
bool HasExtras(const rtmsg& header, const nl::Attributes& attributes) {
  return header.rtm_tos != 0 || header.rtm_src_len != 0 || attributes.Has(a::kMultipath) ||
         attributes.Has(a::kNexthop) || attributes.Has(a::kPrefSrc) || attributes.Has(a::kMetrics) ||
         attributes.Has(a::kEncap) || attributes.Has(a::kVia) || attributes.Has(a::kFlow);
}

constexpr unsigned kNotAlive = RTNH_F_DEAD | RTNH_F_LINKDOWN;

void Mark(Entry* entry, unsigned flags) { entry->flags = static_cast<uint8_t>(entry->flags | flags); }

// A gateway of the other family (RTA_VIA) has no room in `via`, but is one all the same: what is behind it is not on-link.
// False: the length of one of the own family is wrong.
bool TakeGateway(const nl::Attributes& attributes, Entry* entry, Address16* via) {
  const auto gateway = attributes.Get(a::kGateway);
  if (gateway || attributes.Has(a::kVia)) Mark(entry, kGateway);
  return !gateway || CopyAddress(entry->family, *gateway, via);
}

// The entry gets link and gateway of the first next hop, and says whether any of them has a gateway; it is dead when all
// are. False: the framing is broken.
bool TakeNextHops(Bytes hops, Entry* entry) {
  SpanReader reader(hops);
  bool alive = false;
  for (bool first = true; reader.rest().size() >= sizeof(rtnexthop); first = false) {
    const rtnexthop hop = reader.Read<rtnexthop>();
    if (hop.rtnh_len < sizeof(rtnexthop)) return false;
    const nl::Attributes attributes(reader.Take(hop.rtnh_len - sizeof(rtnexthop)));
    reader.Skip(RTNH_ALIGN(hop.rtnh_len) - hop.rtnh_len);
    Address16 via{};
    if (reader.failed() || attributes.malformed() || !TakeGateway(attributes, entry, &via)) return false;
    if (first) entry->ifindex = static_cast<uint32_t>(hop.rtnh_ifindex);
    if (first) entry->via = via;
    if (first && (hop.rtnh_flags & RTNH_F_ONLINK) != 0) Mark(entry, kOnlink);
    alive = alive || (hop.rtnh_flags & kNotAlive) == 0;
  }
  if (!alive) Mark(entry, kDead);
  return true;
}

// Of several next hops, or of those that only a nexthop object knows (net.ipv4.nexthop_compat_mode=0), no link is known.
bool HasHiddenHops(const rtmsg& header, const nl::Attributes& attributes) {
  return attributes.Has(a::kNexthop) && !attributes.Has(a::kOif) && header.rtm_type == RTN_UNICAST;
}

// struct rtvia: the family in host order, then its address.
bool DecodeVia(Bytes via, ResolvedRecord* resolved) {
  SpanReader reader(via);
  const uint16_t family = reader.Read<uint16_t>();
  if (reader.failed() || family > UINT8_MAX) return false;
  resolved->gateway_family = static_cast<uint8_t>(family);
  return CopyAddress(resolved->gateway_family, reader.rest(), &resolved->gateway);
}

}  // namespace

Decoded DecodeRoute(const nl::Message& message) {
  SpanReader reader(message.payload);
  const rtmsg header = reader.Read<rtmsg>();
  if (reader.failed()) return Malformed{};
  if (AddressBytes(header.rtm_family) == 0 || (header.rtm_flags & RTM_F_CLONED) != 0) return Skipped{};

  nl::Attributes attributes(reader.rest());
  // rtm_table has eight bits; a larger number stands in the attribute alone.
  const uint32_t table = attributes.Get(a::kTable).value_or(header.rtm_table);
  if (attributes.malformed() || header.rtm_dst_len > 8 * AddressBytes(header.rtm_family)) return Malformed{};
  if (table != RT_TABLE_MAIN) return Skipped{};

  Entry entry{};
  entry.kind = kRoute;
  entry.family = header.rtm_family;
  entry.dst_length = header.rtm_dst_len;
  entry.protocol = header.rtm_protocol;
  entry.type = header.rtm_type;
  entry.scope = header.rtm_scope;
  if ((header.rtm_flags & RTNH_F_ONLINK) != 0) Mark(&entry, kOnlink);
  if ((header.rtm_flags & kNotAlive) != 0) Mark(&entry, kDead);
  if (HasExtras(header, attributes)) Mark(&entry, kExtras);
  entry.priority = attributes.Get(a::kPriority).value_or(0);
  entry.ifindex = attributes.Get(a::kOif).value_or(0);
  const auto dst = attributes.Get(a::kDst);
  if (dst ? !CopyAddress(entry.family, *dst, &entry.dst) : entry.dst_length != 0) return Malformed{};
  if (!TakeGateway(attributes, &entry, &entry.via)) return Malformed{};
  if (const auto hops = attributes.Get(a::kMultipath)) {
    Mark(&entry, kMultipath);
    if (!TakeNextHops(*hops, &entry)) return Malformed{};
  } else if (HasHiddenHops(header, attributes)) {
    Mark(&entry, kMultipath);
  }
  if (attributes.malformed()) return Malformed{};
  return entry;
}

Encoded EncodeRoute(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry) {
  if (!IsNetwork(entry.family, entry.dst, entry.dst_length) || !IsIfindexOrNone(entry.ifindex)) return Encoded::kCannot;
  const bool is_delete = entry.op == kDelete;
  // Written without what makes it more, or without its next hops, it would be another route.
  if (!is_delete && (entry.flags & (kExtras | kMultipath)) != 0) return Encoded::kCannot;
  rtmsg header{};
  header.rtm_family = entry.family;
  header.rtm_dst_len = entry.dst_length;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = entry.protocol;
  header.rtm_type = entry.type;
  // RT_SCOPE_NOWHERE in a delete: any scope. What must match is destination, metric, protocol, link and gateway.
  header.rtm_scope = is_delete ? static_cast<uint8_t>(RT_SCOPE_NOWHERE) : entry.scope;
  if (!is_delete && (entry.flags & kOnlink) != 0) header.rtm_flags = RTNH_F_ONLINK;

  nl::MessageWriter writer(out);
  writer.Begin(is_delete ? RTM_DELROUTE : RTM_NEWROUTE, flags, sequence, header);
  if (entry.dst_length != 0) writer.Put(a::kDst, AddressSpan(entry.family, entry.dst));
  // Of several next hops one would name itself alone.
  if ((entry.flags & kMultipath) == 0) {
    if ((entry.flags & kGateway) != 0) writer.Put(a::kGateway, AddressSpan(entry.family, entry.via));
    if (entry.ifindex != 0) writer.Put(a::kOif, entry.ifindex);
  }
  if (entry.priority != 0) writer.Put(a::kPriority, entry.priority);
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

Encoded EncodeDumpRoutes(SpanWriter* out, uint32_t sequence, uint8_t family) {
  rtmsg header{};
  header.rtm_family = family;
  nl::MessageWriter writer(out);
  writer.Begin(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP, sequence, header);
  writer.Put(a::kTable, RT_TABLE_MAIN);
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

Encoded EncodeResolveRoute(SpanWriter* out, uint32_t sequence, const QueryRecord& query) {
  const size_t bytes = AddressBytes(query.family);
  if (bytes == 0 || query.has_source > 1) return Encoded::kCannot;
  if (!IsIfindexOrNone(query.oif) || !IsIfindexOrNone(query.iif)) return Encoded::kCannot;
  const auto bits = static_cast<uint8_t>(8 * bytes);
  rtmsg header{};
  header.rtm_family = query.family;
  header.rtm_dst_len = bits;
  header.rtm_src_len = query.has_source != 0 ? bits : uint8_t{0};
  // Without it IPv4 answers "main" whatever table it was; strict checking of IPv6, which always tells, refuses it.
  if (query.family == AF_INET) header.rtm_flags = RTM_F_LOOKUP_TABLE;
  nl::MessageWriter writer(out);
  // No NLM_F_ACK: the answer is the acknowledgement.
  writer.Begin(RTM_GETROUTE, NLM_F_REQUEST, sequence, header);
  writer.Put(a::kDst, AddressSpan(query.family, query.dst));
  if (query.has_source != 0) writer.Put(a::kSrc, AddressSpan(query.family, query.source));
  if (query.oif != 0) writer.Put(a::kOif, query.oif);
  if (query.iif != 0) writer.Put(a::kIif, query.iif);
  if (query.mark != 0) writer.Put(a::kMark, query.mark);
  if (query.udp_port != 0) {
    writer.Put(a::kIpProtocol, uint8_t{IPPROTO_UDP});
    writer.Put(a::kDestinationPort, query.udp_port);
  }
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

std::optional<ResolvedRecord> DecodeResolvedRoute(const nl::Message& message) {
  SpanReader reader(message.payload);
  const rtmsg header = reader.Read<rtmsg>();
  if (reader.failed() || message.header.nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  nl::Attributes attributes(reader.rest());
  ResolvedRecord resolved{};
  // Named none while the link goes: its routes then lead into the kernel's own blackhole device, which has no index.
  resolved.oif = attributes.Get(a::kOif).value_or(0);
  resolved.table = attributes.Get(a::kTable).value_or(header.rtm_table);
  if (auto metrics = attributes.Get(a::kMetrics)) {
    resolved.mtu = metrics->Get(a::kMetricMtu).value_or(0);
    if (metrics->malformed()) return std::nullopt;
  }
  if (const auto gateway = attributes.Get(a::kGateway)) {
    resolved.gateway_family = header.rtm_family;
    if (!CopyAddress(header.rtm_family, *gateway, &resolved.gateway)) return std::nullopt;
  } else if (const auto via = attributes.Get(a::kVia)) {
    if (!DecodeVia(*via, &resolved)) return std::nullopt;
  }
  if (const auto source = attributes.Get(a::kPrefSrc)) {
    resolved.source_family = header.rtm_family;
    if (!CopyAddress(header.rtm_family, *source, &resolved.source)) return std::nullopt;
  }
  if (attributes.malformed()) return std::nullopt;
  return resolved;
}

}  // namespace vtepd::rtnl
