#include <linux/if_arp.h>

#include <algorithm>
#include <string_view>

#include "rtnl/ip.h"
#include "rtnl/link.h"
#include "rtnl/policy.h"
#include "rtnl/text.h"

namespace vtepd::rtnl {

namespace {

// Of two attributes, one for each family, at most one is set. False when its length is wrong.
bool CopyEither(std::optional<Bytes> ipv4, std::optional<Bytes> ipv6, uint8_t* family, Address16* out) {
  if (!ipv4 && !ipv6) return true;
  *family = ipv4 ? AF_INET : AF_INET6;
  return CopyAddress(*family, ipv4 ? *ipv4 : *ipv6, out);
}

// `elsewhere`: the device was moved away from the namespace that its parent is an index of.
bool DecodeVxlan(nl::Attributes data, bool elsewhere, LinkRecord* link) {
  namespace a = policy::vxlan;
  link->fields |= kHasVxlan;
  if (const auto vni = data.Get(a::kVni)) {
    link->vni = *vni;
    link->fields |= kHasVni;
  }
  if (const auto parent = data.Get(a::kParent); !elsewhere && parent.value_or(0) != 0) {
    link->vxlan_parent = *parent;
    link->fields |= kHasVxlanParent;
  }
  if (const auto port = data.Get(a::kPort)) {
    link->port = *port;
    link->fields |= kHasPort;
  }
  if (!CopyEither(data.Get(a::kLocal), data.Get(a::kLocal6), &link->local_family, &link->local)) return false;
  if (link->local_family != 0) link->fields |= kHasLocal;
  if (!CopyEither(data.Get(a::kGroup), data.Get(a::kGroup6), &link->group_family, &link->group)) return false;
  if (link->group_family != 0) link->fields |= kHasGroup;

  const auto flag = [&](bool set, VxlanFlag bit) {
    if (set) link->vxlan_flags = static_cast<uint16_t>(link->vxlan_flags | bit);
  };
  flag(data.Get(a::kLearning).value_or(0) != 0, kLearning);
  flag(data.Has(a::kGbp), kGbp);
  flag(data.Get(a::kMetadata).value_or(0) != 0, kMetadata);
  flag(data.Get(a::kL2Miss).value_or(0) != 0, kL2Miss);
  flag(data.Get(a::kL3Miss).value_or(0) != 0, kL3Miss);
  return !data.malformed();
}

}  // namespace

Decoded DecodeLink(const nl::Message& message) {
  namespace a = policy::link;
  SpanReader reader(message.payload);
  const ifinfomsg info = reader.Read<ifinfomsg>();
  if (reader.failed()) return Malformed{};
  if (info.ifi_family != AF_UNSPEC) return Skipped{};

  nl::Attributes attributes(reader.rest());
  // A wireless event is an RTM_NEWLINK with a name and nothing that a link has.
  if (attributes.Has(a::kWireless)) return Skipped{};
  const auto name = attributes.Get(a::kName);
  const auto mtu = attributes.Get(a::kMtu);
  if (attributes.malformed() || info.ifi_index <= 0 || !name || !mtu) return Malformed{};

  LinkRecord link{};
  link.ifindex = static_cast<uint32_t>(info.ifi_index);
  link.fields = kHasName | kHasMtu | kHasUp | kHasTxQueueLength;
  link.flags = info.ifi_flags;
  link.mtu = *mtu;
  link.tx_queue_length = attributes.Get(a::kTxQueueLength).value_or(0);
  CopyText(*name, &link.ifname);
  if (const auto lladdr = attributes.Get(a::kLladdr);
      lladdr && lladdr->size() == link.lladdr.size() && info.ifi_type == ARPHRD_ETHER) {
    std::copy(lladdr->begin(), lladdr->end(), link.lladdr.begin());
    link.fields |= kHasLladdr;
  }
  if (const auto master = attributes.Get(a::kMaster); master.value_or(0) != 0) {
    link.master = *master;
    link.fields |= kHasMaster;
  }
  const bool elsewhere = attributes.Has(a::kParentNetns);
  if (const auto parent = attributes.Get(a::kParent); !elsewhere && parent.value_or(0) != 0) {
    link.parent = *parent;
    link.fields |= kHasParent;
  }
  if (const auto link_info = attributes.Get(a::kInfo)) {
    if (link_info->malformed()) return Malformed{};
    const std::string_view kind = link_info->Get(a::kInfoKind).value_or("");
    CopyText(kind, &link.kind);
    if (kind == "vxlan") {
      const auto data = link_info->Get(a::kInfoData);
      if (!data || !DecodeVxlan(*data, elsewhere, &link)) return Malformed{};
    }
  }
  if (attributes.malformed()) return Malformed{};
  return link;
}

void AppendAltnames(const nl::Message& message, uint32_t ifindex, std::vector<uint8_t>* records) {
  namespace a = policy::link;
  SpanReader reader(message.payload);
  reader.Skip(sizeof(ifinfomsg));
  const auto properties = nl::Attributes(reader.rest()).Get(a::kProperties);
  if (!properties) return;
  [[maybe_unused]] const bool whole = nl::EachAttribute(*properties, [&](uint16_t id, Bytes value) {
    if (id != a::kAltname.id) return;
    AltnameRecord record{};
    record.ifindex = ifindex;
    CopyText(nl::ToText(value), &record.name);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&record);
    records->insert(records->end(), bytes, bytes + sizeof(record));
  });
}

}  // namespace vtepd::rtnl
