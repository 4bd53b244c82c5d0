#include <array>
#include <cstdio>
#include <vector>

#include "check.h"
#include "golden.h"
#include "rtnl/address.h"
#include "rtnl/decode.h"
#include "rtnl/entry.h"
#include "rtnl/policy.h"
#include "rtnl/route.h"
#include "samples.h"

namespace vtepd::rtnl {

using test::GoldenMessage;
using test::Ip;
using test::Lladdr16;
using test::Same;

static Entry EntryOf(const char* name) {
  const GoldenMessage message(name);
  const Decoded decoded = Decode(message.get());
  const auto* entry = std::get_if<Entry>(&decoded);
  CHECK(entry != nullptr);
  return entry == nullptr ? Entry{} : *entry;
}

TEST("neighbours are read with state, flags and protocol") {
  Entry expected = test::Neighbour(0);
  expected.ifindex = 4;
  CHECK(Same(EntryOf("neighbour-ipv4"), expected));
  expected = {};
  expected.kind = kNeighbour;
  expected.family = AF_INET6;
  expected.dst = Ip("fd42:0:0:2::");
  expected.via = Lladdr16({0x0e, 0x2a, 0, 0, 2, 1});
  expected.ifindex = 5;
  expected.type = 0x80;
  CHECK(Same(EntryOf("neighbour-ipv6"), expected));
}

TEST("a neighbour that the kernel still asks for has no link-layer address") {
  const Entry entry = EntryOf("neighbour-incomplete");
  CHECK(entry.dst == Ip("10.42.9.1"));
  CHECK(entry.via == Address16{});
  CHECK_EQ(entry.type, 1);
}

TEST("FDB entries are read with their remote") {
  Entry expected{};
  expected.kind = kFdb;
  expected.family = AF_INET;
  expected.dst = Lladdr16({0x0e, 0x2a, 0, 0, 2, 0});
  expected.via = Ip("192.0.2.2");
  expected.ifindex = 4;
  // bridge(8) says NOARP too; flannel and vtepd write PERMANENT alone.
  expected.type = 0xc0;
  expected.scope = 0x02;
  CHECK(Same(EntryOf("fdb-ipv4"), expected));
  expected.family = AF_INET6;
  expected.dst = Lladdr16({0x0e, 0x2a, 0, 0, 2, 1});
  expected.via = Ip("2001:db8::2");
  expected.ifindex = 5;
  CHECK(Same(EntryOf("fdb-ipv6"), expected));
}

TEST("an address that is not as long as its family's is malformed") {
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    for (size_t size = 0; size <= 20; ++size) {
      std::array<uint8_t, 64> room{};
      SpanWriter out(room);
      nl::MessageWriter writer(&out);
      ndmsg header{};
      header.ndm_family = family;
      writer.Begin(RTM_NEWNEIGH, 0, 1, header);
      writer.Put(policy::neighbour::kDst, std::vector<uint8_t>(size));
      CHECK(writer.End());
      const auto message = nl::MessageReader(out.written()).Next();
      REQUIRE(message.has_value());
      CHECK_EQ(std::holds_alternative<Malformed>(Decode(*message)), size != (family == AF_INET ? 4u : 16u));
    }
  }
}

TEST("an FDB entry with a port, VNI or output link of its own is marked") {
  CHECK_EQ(EntryOf("fdb-extras").flags, kExtras);
}

TEST("what older kernels announce of every FDB request that succeeds is no entry") {
  CHECK(std::holds_alternative<Skipped>(Decode(GoldenMessage("event-fdb-echo").get())));
  CHECK(std::holds_alternative<Skipped>(Decode(GoldenMessage("event-fdb-echo-deleted").get())));
}

TEST("what a bridge has learnt is no FDB entry of the link") {
  CHECK(std::holds_alternative<Skipped>(Decode(GoldenMessage("fdb-of-bridge").get())));
}

TEST("routes are read with metric, gateway, link and flags") {
  Entry expected{};
  expected.kind = kRoute;
  expected.family = AF_INET;
  expected.dst_length = 24;
  expected.dst = Ip("10.42.2.0");
  expected.via = Ip("10.42.2.0");
  expected.priority = 3;
  expected.ifindex = 4;
  expected.protocol = 118;
  expected.type = 1;
  expected.flags = kOnlink | kGateway;
  CHECK(Same(EntryOf("route-ipv4"), expected));
  expected.family = AF_INET6;
  expected.dst_length = 64;
  expected.dst = Ip("fd42:0:0:2::");
  expected.via = Ip("fd42:0:0:2::");
  expected.priority = 1024;
  expected.ifindex = 5;
  CHECK(Same(EntryOf("route-ipv6"), expected));
}

TEST("a blackhole has no link, a connected route a source of its own") {
  const Entry blackhole = EntryOf("route-blackhole");
  CHECK_EQ(blackhole.type, 6);
  CHECK_EQ(blackhole.ifindex, 0u);
  CHECK_EQ(blackhole.priority, 9u);
  CHECK_EQ(blackhole.flags, 0);
  CHECK_EQ(EntryOf("route-connected").flags, kExtras);
  const Entry all = EntryOf("route-default");
  CHECK_EQ(all.dst_length, 0);
  CHECK(all.dst == Address16{});
  CHECK(all.via == Ip("192.0.2.254"));
}

TEST("of several next hops the first is shown, and whether any has a gateway") {
  const auto expect = [](const char* name, uint32_t ifindex, const Address16& via, unsigned flags) {
    const Entry entry = EntryOf(name);
    const bool right = entry.ifindex == ifindex && entry.via == via && entry.flags == flags;
    if (!right) std::printf("# %s: ifindex %u, flags %x\n", name, entry.ifindex, entry.flags);
    CHECK(right);
  };
  constexpr unsigned kSeveral = kExtras | kMultipath;
  expect("route-multipath", 3, Ip("192.0.2.7"), kSeveral | kGateway);
  expect("route-multipath-onlink-first", 3, {}, kSeveral | kGateway);
  expect("route-multipath-half-dead", 3, Ip("192.0.0.2"), kSeveral | kGateway | kOnlink);
  expect("route-multipath-dead", 3, Ip("192.0.0.2"), kSeveral | kGateway | kOnlink | kDead);
  expect("route-multipath-ipv6", 3, Ip("2001:db8::2"), kSeveral | kGateway);
  expect("route-multipath-via-ipv6", 3, {}, kSeveral | kGateway);
  expect("route-via-ipv6", 3, {}, kExtras | kGateway);
}

TEST("a nexthop object is what it holds, where the kernel tells") {
  CHECK_EQ(EntryOf("route-nexthop-group").flags, kExtras | kMultipath | kGateway);
  CHECK_EQ(EntryOf("route-nexthop-group").ifindex, 3u);
  CHECK_EQ(EntryOf("route-nexthop-single").flags, kExtras | kGateway);
  CHECK_EQ(EntryOf("route-nexthop-single").ifindex, 3u);
  CHECK_EQ(EntryOf("route-nexthop-hidden").flags, kExtras | kMultipath);
  CHECK_EQ(EntryOf("route-nexthop-hidden").ifindex, 0u);
}

TEST("next hops that do not hold what they say are malformed, wherever they are cut") {
  const GoldenMessage golden("route-multipath");
  const Bytes whole = golden.get().payload;
  // RTA_MULTIPATH is the last attribute: its length is changed with the message's.
  const size_t at = whole.size() - 36;
  for (size_t length = 4; length < 36; ++length) {
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(at + length));
    cut[at] = static_cast<uint8_t>(length);
    const Decoded decoded = Decode({golden.get().header, cut});
    // Less than the head of a next hop is padding, as it is for the kernel.
    const size_t rest = length - 4;
    const bool sound = rest < 8 || (rest >= 16 && rest < 24);
    CHECK_EQ(std::holds_alternative<Malformed>(decoded), !sound);
  }
}

TEST("a route of another table is skipped, also where its number has more than eight bits") {
  CHECK(std::holds_alternative<Skipped>(Decode(GoldenMessage("route-other-table").get())));
}

TEST("deletions are told by their type") {
  CHECK(IsDeletion(GoldenMessage("event-fdb-deleted").get()));
  CHECK(IsDeletion(GoldenMessage("event-route-deleted").get()));
  CHECK(IsDeletion(GoldenMessage("event-link-deleted").get()));
  CHECK(!IsDeletion(GoldenMessage("route-ipv4").get()));
  CHECK_EQ(EntryOf("event-fdb-deleted").kind, kFdb);
  CHECK_EQ(EntryOf("event-route-deleted").type, 6);
}

TEST("the answer to a route query names link, gateway and source, of either family") {
  const auto ipv4 = DecodeResolvedRoute(GoldenMessage("resolved-ipv4").get());
  REQUIRE(ipv4.has_value());
  CHECK_EQ(ipv4->oif, 4u);
  CHECK_EQ(ipv4->gateway_family, AF_INET);
  CHECK(ipv4->gateway == Ip("10.42.2.0"));
  CHECK(ipv4->source == Ip("10.42.1.0"));
  const auto ipv6 = DecodeResolvedRoute(GoldenMessage("resolved-ipv6").get());
  REQUIRE(ipv6.has_value());
  CHECK(ipv6->gateway == Ip("fd42:0:0:2::"));
  CHECK(ipv6->source == Ip("fd42:0:0:1::"));
  const auto mixed = DecodeResolvedRoute(GoldenMessage("resolved-via-ipv6").get());
  REQUIRE(mixed.has_value());
  CHECK_EQ(mixed->gateway_family, AF_INET6);
  CHECK(mixed->gateway == Ip("2001:db8::9"));
  CHECK_EQ(mixed->source_family, AF_INET);
}

TEST("the answer to a route query tells the table, of 32 bits, and the MTU of the route") {
  const auto plain = DecodeResolvedRoute(GoldenMessage("resolved-ipv4").get());
  REQUIRE(plain.has_value());
  CHECK_EQ(plain->table, 254u);
  CHECK_EQ(plain->mtu, 0u);
  const auto other = DecodeResolvedRoute(GoldenMessage("resolved-of-table").get());
  REQUIRE(other.has_value());
  CHECK_EQ(other->table, 70000u);
  CHECK_EQ(other->mtu, 1300u);
  CHECK_EQ(other->source_family, 0);
}

TEST("an answer that names no output link is one, and a cut one is none") {
  std::array<uint8_t, 64> room{};
  SpanWriter out(room);
  nl::MessageWriter writer(&out);
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_table = RT_TABLE_LOCAL;
  writer.Begin(RTM_NEWROUTE, 0, 1, header);
  CHECK(writer.End());
  const auto message = nl::MessageReader(out.written()).Next();
  REQUIRE(message.has_value());
  const auto resolved = DecodeResolvedRoute(*message);
  REQUIRE(resolved.has_value());
  CHECK_EQ(resolved->oif, 0u);
  CHECK_EQ(resolved->table, 255u);
  CHECK(!DecodeResolvedRoute({message->header, message->payload.first(4)}).has_value());
}

TEST("addresses are read with the flags of the attribute, and the own end of a point-to-point link") {
  const auto address_of = [](const char* name) {
    const GoldenMessage message(name);
    const Decoded decoded = Decode(message.get());
    const auto* address = std::get_if<AddressRecord>(&decoded);
    CHECK(address != nullptr);
    return address == nullptr ? AddressRecord{} : *address;
  };
  CHECK(Same(address_of("address-ipv4"), AddressRecord{3, 0x80, AF_INET, 24, 0, 0, Ip("192.0.2.1")}));
  CHECK(Same(address_of("address-ipv6-nodad"), AddressRecord{3, 0x82, AF_INET6, 64, 0, 0, Ip("2001:db8::1")}));
  CHECK(address_of("address-ipv4-peer").ip == Ip("198.51.100.1"));
  CHECK_EQ(address_of("address-link-local").protocol, 3);
}

TEST("every golden message that is cut anywhere is refused or read, never overrun") {
  for (const auto& bytes : test::AllGolden()) {
    nl::MessageReader reader(bytes);
    const auto message = reader.Next();
    REQUIRE(message.has_value());
    for (size_t length = 0; length < message->payload.size(); ++length) {
      // A copy of its own, so that a sanitizer sees one byte too many.
      const std::vector<uint8_t> cut(message->payload.begin(), message->payload.begin() + static_cast<ptrdiff_t>(length));
      [[maybe_unused]] const Decoded decoded = Decode({message->header, cut});
    }
  }
}

}  // namespace vtepd::rtnl
