// What vtepd writes, byte for byte: golden/request-*.hex were acknowledged by a real kernel.
#include <linux/if.h>
#include <linux/if_addr.h>

#include <cstdio>
#include <functional>
#include <vector>

#include "check.h"
#include "golden.h"
#include "rtnl/address.h"
#include "rtnl/entry.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include "rtnl/rule.h"
#include "samples.h"

namespace vtepd::rtnl {

using test::Ip;
using test::Lladdr16;
using test::Name;

using Encode = std::function<Encoded(SpanWriter*, uint32_t)>;

constexpr uint32_t kSequence = 7;

// Writes exactly the golden bytes, and in any smaller room says that it does not fit.
static void CheckRequest(const char* name, const Encode& encode) {
  const std::vector<uint8_t> golden = test::Golden(std::string("request-") + name);
  std::vector<uint8_t> room(golden.size());
  SpanWriter out(room);
  const bool fits = encode(&out, kSequence) == Encoded::kOk;
  if (!fits || out.size() != golden.size() || room != golden) std::printf("# request-%s\n", name);
  CHECK(fits);
  CHECK_EQ(out.size(), golden.size());
  CHECK(room == golden);
  for (size_t size = 0; size < golden.size(); ++size) {
    std::vector<uint8_t> small(size);
    SpanWriter less(small);
    CHECK(encode(&less, kSequence) == Encoded::kDoesNotFit);
  }
}

static Encode OfEntry(const Entry& entry) {
  return [entry](SpanWriter* out, uint32_t sequence) { return EncodeEntry(out, sequence, NLM_F_ACK, entry); };
}

static LinkRecord NamedLink(const char* kind, const char* ifname, Lladdr6 lladdr, uint32_t mtu) {
  LinkRecord link{};
  link.kind = Name(kind);
  link.ifname = Name(ifname);
  link.lladdr = lladdr;
  link.mtu = mtu;
  link.fields = kHasName | kHasLladdr | kHasMtu;
  return link;
}

static LinkRecord Vxlan(const char* ifname, uint8_t lladdr_end, uint32_t mtu) {
  LinkRecord link = NamedLink("vxlan", ifname, {0x0e, 0x2a, 0, 0, 0, lladdr_end}, mtu);
  link.fields |= kHasTxQueueLength | kHasVni | kHasLocal;
  return link;
}

TEST("a VXLAN device over IPv4 is asked for with flannel's attributes") {
  LinkRecord link = Vxlan("flannel.1", 1, 1450);
  link.vni = 1;
  link.local_family = AF_INET;
  link.local = Ip("192.0.2.1");
  link.port = 8472;
  link.fields |= kHasPort;
  link.vxlan_flags = kGbp;
  CheckRequest("create-vxlan-ipv4", [&](auto* out, auto seq) { return EncodeCreateLink(out, seq, link, nullptr); });
}

TEST("a pinned VXLAN device over IPv6 has its parent, and no port when none is given") {
  LinkRecord link = Vxlan("flannel-v6.1", 2, 1430);
  link.vni = 16777215;
  link.local_family = AF_INET6;
  link.local = Ip("2001:db8::1");
  link.vxlan_parent = 4;
  link.fields |= kHasVxlanParent;
  link.vxlan_flags = kLearning;
  CheckRequest("create-vxlan-ipv6-pinned",
               [&](auto* out, auto seq) { return EncodeCreateLink(out, seq, link, nullptr); });
}

TEST("bridges and veth pairs are asked for") {
  const LinkRecord bridge = NamedLink("bridge", "br0", {2, 0, 0, 0, 0, 0x0b}, 1400);
  CheckRequest("create-bridge", [&](auto* out, auto seq) { return EncodeCreateLink(out, seq, bridge, nullptr); });
  const LinkRecord near = NamedLink("veth", "veth0", {2, 0, 0, 0, 0, 1}, 1500);
  const VethPeer far{NamedLink("veth", "veth1", {2, 0, 0, 0, 0, 2}, 1500), -1};
  CheckRequest("create-veth", [&](auto* out, auto seq) { return EncodeCreateLink(out, seq, near, &far); });
}

TEST("a change names only what changes, and never the port") {
  LinkRecord change{};
  change.ifindex = 5;
  change.flags = IFF_UP;
  change.lladdr = {0x0e, 0x2a, 0, 0, 0, 9};
  change.ifname = Name("flannel.9");
  change.local_family = AF_INET;
  change.local = Ip("192.0.2.9");
  change.vxlan_parent = 4;
  change.vxlan_flags = kLearning;
  change.port = 8472;
  change.fields = kHasUp | kHasLladdr | kHasName | kHasLocal | kHasVxlanParent | kHasLearning | kHasPort;
  CheckRequest("change-vxlan", [&](auto* out, auto seq) { return EncodeChangeLink(out, seq, change); });

  LinkRecord mtu{};
  mtu.ifindex = 5;
  mtu.mtu = 1400;
  mtu.fields = kHasMtu;
  CheckRequest("change-mtu", [&](auto* out, auto seq) { return EncodeChangeLink(out, seq, mtu); });

  LinkRecord release{};
  release.ifindex = 4;
  release.fields = kHasUp | kHasMaster;
  CheckRequest("change-release", [&](auto* out, auto seq) { return EncodeChangeLink(out, seq, release); });
}

TEST("a link is deleted by its index") {
  CheckRequest("delete-link", [](auto* out, auto seq) { return EncodeDeleteLink(out, seq, 5); });
}

TEST("addresses are added, IPv6 ones without duplicate address detection, and deleted") {
  const AddressRecord ipv4{5, IFA_F_NODAD, AF_INET, 32, 0, 0, Ip("10.42.1.0")};
  const AddressRecord ipv6{5, IFA_F_NODAD, AF_INET6, 128, 0, 0, Ip("fd42:0:0:1::")};
  CheckRequest("add-address-ipv4", [&](auto* out, auto seq) { return EncodeAddAddress(out, seq, ipv4); });
  CheckRequest("add-address-ipv6", [&](auto* out, auto seq) { return EncodeAddAddress(out, seq, ipv6); });
  CheckRequest("delete-address-ipv4", [&](auto* out, auto seq) { return EncodeDeleteAddress(out, seq, ipv4); });
}

TEST("neighbours are replaced, created and deleted") {
  CheckRequest("replace-neighbour-ipv4", OfEntry(test::Neighbour(kReplace)));
  CheckRequest("delete-neighbour-ipv4", OfEntry(test::Neighbour(kDelete)));
  Entry ipv6 = test::Neighbour(kCreate);
  ipv6.family = AF_INET6;
  ipv6.dst = Ip("fd42:0:0:2::");
  ipv6.protocol = 0;
  CheckRequest("create-neighbour-ipv6", OfEntry(ipv6));
}

TEST("FDB entries are replaced and deleted with their remote") {
  Entry entry{};
  entry.op = kReplace;
  entry.kind = kFdb;
  entry.family = AF_INET;
  entry.dst = Lladdr16({0x0e, 0x2a, 0, 0, 2, 0});
  entry.via = Ip("192.0.2.2");
  entry.ifindex = 5;
  entry.type = 0x80;
  entry.scope = 0x02;
  CheckRequest("replace-fdb-ipv4", OfEntry(entry));
  entry.op = kDelete;
  CheckRequest("delete-fdb-ipv4", OfEntry(entry));
  entry.op = kReplace;
  entry.family = AF_INET6;
  entry.dst = Lladdr16({0x0e, 0x2a, 0, 0, 2, 1});
  entry.via = Ip("2001:db8::2");
  entry.ifindex = 6;
  CheckRequest("replace-fdb-ipv6", OfEntry(entry));
}

TEST("an FDB entry is looked up by its link and lladdr alone") {
  Entry entry{};
  entry.kind = kFdb;
  entry.family = AF_INET;
  entry.dst = Lladdr16({0x0e, 0x2a, 0, 0, 2, 0});
  entry.via = Ip("192.0.2.2");
  entry.ifindex = 5;
  entry.type = 0x80;
  CheckRequest("get-fdb", [&](auto* out, auto seq) { return EncodeGetFdb(out, seq, entry); });
  entry.kind = kNeighbour;
  SpanWriter out({});
  CHECK(EncodeGetFdb(&out, 1, entry) == Encoded::kCannot);
}

static Entry Route(EntryOp op) {
  Entry entry{};
  entry.op = op;
  entry.kind = kRoute;
  entry.family = AF_INET;
  entry.dst_length = 24;
  entry.dst = Ip("10.42.2.0");
  entry.via = Ip("10.42.2.0");
  entry.priority = 3;
  entry.ifindex = 5;
  entry.protocol = 118;
  entry.type = 1;
  entry.flags = kOnlink | kGateway;
  return entry;
}

TEST("routes are replaced, created, and deleted by protocol, metric, link and gateway in any scope") {
  CheckRequest("replace-route-ipv4", OfEntry(Route(kReplace)));
  CheckRequest("delete-route-ipv4", OfEntry(Route(kDelete)));
  Entry ipv6 = Route(kReplace);
  ipv6.family = AF_INET6;
  ipv6.dst_length = 64;
  ipv6.dst = Ip("fd42:0:0:2::");
  ipv6.via = Ip("fd42:0:0:2::");
  ipv6.priority = 0;
  CheckRequest("replace-route-ipv6", OfEntry(ipv6));
  // A route of several next hops goes by its key: one of them would be deleted alone.
  Entry multipath = Route(kDelete);
  multipath.flags |= kExtras | kMultipath;
  CheckRequest("delete-route-multipath", OfEntry(multipath));
  Entry blackhole = Route(kCreate);
  blackhole.dst = Ip("10.42.7.0");
  blackhole.via = {};
  blackhole.ifindex = 0;
  blackhole.type = 6;
  blackhole.flags = 0;
  CheckRequest("create-route-blackhole", OfEntry(blackhole));
}

TEST("dumps ask for one table, one link, one family") {
  CheckRequest("dump-links", EncodeDumpLinks);
  CheckRequest("dump-addresses", [](auto* out, auto seq) { return EncodeDumpAddresses(out, seq, 0); });
  CheckRequest("dump-routes", [](auto* out, auto seq) { return EncodeDumpRoutes(out, seq, AF_INET6); });
  CheckRequest("dump-neighbours", [](auto* out, auto seq) { return EncodeDumpNeighbours(out, seq, AF_INET, 5); });
  CheckRequest("dump-rules", [](auto* out, auto seq) { return EncodeDumpRules(out, seq, AF_INET6); });
  CheckRequest("dump-fdb", [](auto* out, auto seq) { return EncodeDumpFdb(out, seq, 5); });
}

TEST("a route query names destination, source and links, mark and port") {
  const QueryRecord own{.family = AF_INET, .has_source = 1, .udp_port = 0, .oif = 5, .iif = 0, .mark = 0,
                        .dst = Ip("10.42.2.7"), .source = Ip("10.42.1.0")};
  CheckRequest("resolve-route", [&](auto* out, auto seq) { return EncodeResolveRoute(out, seq, own); });
  const QueryRecord forwarded{.family = AF_INET, .has_source = 1, .udp_port = 8472, .oif = 0, .iif = 2, .mark = 9,
                              .dst = Ip("10.42.2.7"), .source = Ip("10.42.1.7")};
  CheckRequest("resolve-forwarded", [&](auto* out, auto seq) { return EncodeResolveRoute(out, seq, forwarded); });
  const QueryRecord ipv6{.family = AF_INET6, .has_source = 0, .udp_port = 8472, .oif = 0, .iif = 0, .mark = 0,
                         .dst = Ip("fd42:0:0:2::7"), .source = {}};
  CheckRequest("resolve-ipv6", [&](auto* out, auto seq) { return EncodeResolveRoute(out, seq, ipv6); });
}

TEST("what no message can say is not written") {
  std::vector<uint8_t> room(256);
  const auto cannot = [&](Entry entry) {
    SpanWriter out(room);
    return EncodeEntry(&out, 1, 0, entry) == Encoded::kCannot;
  };
  const auto with = [](Entry entry, auto change) {
    change(&entry);
    return entry;
  };
  CHECK(cannot(with(Route(kReplace), [](Entry* e) { e->op = 0; })));
  CHECK(cannot(with(Route(kReplace), [](Entry* e) { e->op = 4; })));
  CHECK(cannot(with(Route(kReplace), [](Entry* e) { e->kind = 9; })));
  CHECK(cannot(with(Route(kReplace), [](Entry* e) { e->family = AF_BRIDGE; })));
  CHECK(cannot(with(Route(kReplace), [](Entry* e) { e->dst_length = 33; })));
  CHECK(cannot(with(Route(kReplace), [](Entry* e) { e->flags |= kExtras; })));
  CHECK(!cannot(with(Route(kDelete), [](Entry* e) { e->flags |= kExtras; })));
  CHECK(cannot(with(test::Neighbour(kReplace), [](Entry* e) { e->family = 0; })));
  CHECK(cannot(with(test::Neighbour(kReplace), [](Entry* e) { e->kind = kFdb, e->family = 3; })));

  LinkRecord unterminated = NamedLink("bridge", "br0", {}, 1500);
  unterminated.ifname.fill('a');
  SpanWriter out(room);
  CHECK(EncodeCreateLink(&out, 1, unterminated, nullptr) == Encoded::kCannot);
  CHECK(EncodeCreateLink(&out, 1, NamedLink("veth", "v0", {}, 1500), nullptr) == Encoded::kCannot);
}

}  // namespace vtepd::rtnl
