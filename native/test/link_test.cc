#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <string>
#include <vector>

#include "check.h"
#include "golden.h"
#include "rtnl/link.h"
#include "samples.h"

namespace vtepd::rtnl {

using test::GoldenMessage;
using test::Ip;
using test::Name;

// Of a golden message that is a link; an empty record otherwise.
static LinkRecord LinkOf(const char* name) {
  const GoldenMessage message(name);
  const Decoded decoded = DecodeLink(message.get());
  const auto* link = std::get_if<LinkRecord>(&decoded);
  CHECK(link != nullptr);
  return link == nullptr ? LinkRecord{} : *link;
}

TEST("a VXLAN device over IPv4 is read with all that was set") {
  const LinkRecord link = LinkOf("link-vxlan-ipv4");
  CHECK_EQ(link.ifindex, 4u);
  CHECK(link.ifname == Name("flannel.1"));
  CHECK(link.kind == Name("vxlan"));
  CHECK_EQ(link.mtu, 1450u);
  CHECK_EQ(link.tx_queue_length, 0u);
  CHECK_EQ(link.flags & IFF_UP, 0u);
  CHECK((link.lladdr == Lladdr6{0x0e, 0x2a, 0, 0, 0, 1}));
  CHECK_EQ(link.fields, kHasName | kHasMtu | kHasTxQueueLength | kHasUp | kHasLladdr | kHasVxlan | kHasVni | kHasLocal |
                            kHasPort);
  CHECK_EQ(link.vni, 1u);
  CHECK_EQ(link.port, 8472);
  CHECK_EQ(link.vxlan_flags, kGbp);
  CHECK_EQ(link.local_family, AF_INET);
  CHECK(link.local == Ip("192.0.2.1"));
}

TEST("a pinned VXLAN device over IPv6 names its parent") {
  const LinkRecord link = LinkOf("link-vxlan-ipv6-pinned");
  CHECK_EQ(link.vni, 16777215u);
  CHECK_EQ(link.port, 4789);
  CHECK_EQ(link.vxlan_parent, 3u);
  CHECK((link.fields & kHasVxlanParent) != 0);
  CHECK_EQ(link.vxlan_flags, kLearning | kL2Miss);
  CHECK_EQ(link.local_family, AF_INET6);
  CHECK(link.local == Ip("2001:db8::1"));
}

TEST("a metadata device and a multicast group are told apart from flannel's") {
  CHECK_EQ(LinkOf("link-vxlan-metadata").vxlan_flags & kMetadata, kMetadata);
  const LinkRecord group = LinkOf("link-vxlan-group");
  CHECK_EQ(group.group_family, AF_INET);
  CHECK(group.group == Ip("239.1.1.1"));
  CHECK_EQ(group.local_family, 0);
}

TEST("a veth names its peer and its master") {
  const LinkRecord link = LinkOf("link-veth-enslaved");
  CHECK(link.kind == Name("veth"));
  CHECK_EQ(link.parent, 9u);
  CHECK_EQ(link.master, 8u);
  CHECK_EQ(link.fields & kHasVxlan, 0u);
}

TEST("the loopback link has no kind and no Ethernet address") {
  const LinkRecord link = LinkOf("link-loopback");
  CHECK(link.ifname == Name("lo"));
  CHECK(link.kind == Name(""));
  CHECK((link.flags & IFF_LOOPBACK) != 0);
  CHECK_EQ(link.fields & kHasLladdr, 0u);
}

TEST("what a bridge says of its ports is no link, not even when a port leaves") {
  CHECK(std::holds_alternative<Skipped>(DecodeLink(GoldenMessage("link-bridge-port").get())));
  CHECK(std::holds_alternative<Skipped>(DecodeLink(GoldenMessage("event-bridge-port-left").get())));
}

TEST("alternative names are read beside the link, all of them") {
  const GoldenMessage message("link-altnames");
  std::vector<uint8_t> records;
  AppendAltnames(message.get(), 4, &records);
  REQUIRE(records.size() == 3 * sizeof(AltnameRecord));
  SpanReader reader(records);
  for (const std::string& name : {std::string("enp3s0"), std::string("eno1"), std::string(127, 'x')}) {
    const auto record = reader.Read<AltnameRecord>();
    CHECK_EQ(record.ifindex, 4u);
    CHECK_EQ(std::string(record.name.data()), name);
  }
  records.clear();
  AppendAltnames(GoldenMessage("link-loopback").get(), 1, &records);
  CHECK(records.empty());
}

TEST("a link without a name, and a cut one, are malformed") {
  const GoldenMessage whole("link-vxlan-ipv4");
  nl::Message message = whole.get();
  message.payload = whole.get().payload.first(sizeof(ifinfomsg));
  CHECK(std::holds_alternative<Malformed>(DecodeLink(message)));
  message.payload = whole.get().payload.first(100);
  CHECK(std::holds_alternative<Malformed>(DecodeLink(message)));
  message.payload = {};
  CHECK(std::holds_alternative<Malformed>(DecodeLink(message)));
}

}  // namespace vtepd::rtnl
