#include <linux/if.h>

#include <string_view>

#include "rtnl/ip.h"
#include "rtnl/link.h"
#include "rtnl/policy.h"
#include "rtnl/sound.h"

namespace vtepd::rtnl {

namespace {

using nl::MessageWriter;

constexpr uint16_t kRequest = NLM_F_REQUEST | NLM_F_ACK;

bool Has(const LinkRecord& link, LinkField field) { return (link.fields & field) != 0; }

bool IsOff(const LinkRecord& link, VxlanFlag flag) { return (link.vxlan_flags & flag) == 0; }

Encoded Finish(MessageWriter* writer) { return writer->End() ? Encoded::kOk : Encoded::kDoesNotFit; }

// What every kind of link has in common.
void PutCommon(MessageWriter* writer, const LinkRecord& link) {
  namespace a = policy::link;
  if (Has(link, kHasName)) writer->Put(a::kName, link.ifname.data());
  if (Has(link, kHasLladdr)) writer->Put(a::kLladdr, Bytes(link.lladdr));
  if (Has(link, kHasMtu)) writer->Put(a::kMtu, link.mtu);
  if (Has(link, kHasTxQueueLength)) writer->Put(a::kTxQueueLength, link.tx_queue_length);
  if (Has(link, kHasMaster)) writer->Put(a::kMaster, link.master);
}

void PutLocal(MessageWriter* writer, const LinkRecord& link) {
  if (!Has(link, kHasLocal)) return;
  writer->Put(link.local_family == AF_INET ? policy::vxlan::kLocal : policy::vxlan::kLocal6,
              AddressSpan(link.local_family, link.local));
}

void PutLearning(MessageWriter* writer, const LinkRecord& link) {
  writer->Put(policy::vxlan::kLearning, IsOff(link, kLearning) ? 0 : 1);
}

// The attributes that flannel sends, with its values (flannel-contract 5), in its order.
void PutNewVxlan(MessageWriter* writer, const LinkRecord& link) {
  namespace a = policy::vxlan;
  const size_t data = writer->Open(policy::link::kInfoData);
  writer->Put(a::kVni, link.vni);
  if (Has(link, kHasVxlanParent)) writer->Put(a::kParent, link.vxlan_parent);
  PutLocal(writer, link);
  writer->Put(a::kTtl, 0);
  writer->Put(a::kTos, 0);
  PutLearning(writer, link);
  writer->Put(a::kProxy, 0);
  writer->Put(a::kRsc, 0);
  writer->Put(a::kL2Miss, 0);
  writer->Put(a::kL3Miss, 0);
  writer->Put(a::kZeroCsum6Tx, 0);
  writer->Put(a::kZeroCsum6Rx, 0);
  if (Has(link, kHasPort)) writer->Put(a::kPort, link.port);
  if (!IsOff(link, kGbp)) writer->Put(a::kGbp);
  writer->Close(data);
}

void PutVethPeer(MessageWriter* writer, const VethPeer& peer) {
  const size_t data = writer->Open(policy::link::kInfoData);
  const size_t info = writer->Open(policy::veth::kPeer, ifinfomsg{});
  PutCommon(writer, peer.link);
  if (peer.netns_fd >= 0) writer->Put(policy::link::kNetnsFd, static_cast<uint32_t>(peer.netns_fd));
  writer->Close(info);
  writer->Close(data);
}

constexpr uint32_t kLargestVni = 0xffffff;
constexpr unsigned kWritten = kHasName | kHasMtu | kHasTxQueueLength | kHasLladdr | kHasMaster | kHasUp | kHasVni |
                              kHasLocal | kHasVxlanParent | kHasPort | kHasLearning;

// Of what a request says; what its `fields` do not name is not looked at.
bool IsSound(const LinkRecord& link) {
  if ((link.fields & ~kWritten) != 0 || !Terminated(link.ifname) || !Terminated(link.kind)) return false;
  if (Has(link, kHasName) && link.ifname.front() == '\0') return false;
  if (Has(link, kHasLocal) && AddressBytes(link.local_family) == 0) return false;
  if (Has(link, kHasMtu) && link.mtu > INT32_MAX) return false;
  if (Has(link, kHasMaster) && !IsIfindexOrNone(link.master)) return false;
  if (Has(link, kHasVxlanParent) && !IsIfindex(link.vxlan_parent)) return false;
  return !Has(link, kHasVni) || link.vni <= kLargestVni;
}

}  // namespace

Encoded EncodeCreateLink(SpanWriter* out, uint32_t sequence, const LinkRecord& link, const VethPeer* peer) {
  namespace a = policy::link;
  if (!IsSound(link) || link.kind.front() == '\0') return Encoded::kCannot;
  const std::string_view kind = link.kind.data();
  if ((kind == "veth") != (peer != nullptr)) return Encoded::kCannot;
  if (peer != nullptr && !IsSound(peer->link)) return Encoded::kCannot;

  MessageWriter writer(out);
  writer.Begin(RTM_NEWLINK, kRequest | NLM_F_CREATE | NLM_F_EXCL, sequence, ifinfomsg{});
  PutCommon(&writer, link);
  const size_t info = writer.Open(a::kInfo);
  writer.Put(a::kInfoKind, link.kind.data());
  if (kind == "vxlan") PutNewVxlan(&writer, link);
  if (peer != nullptr) PutVethPeer(&writer, *peer);
  writer.Close(info);
  return Finish(&writer);
}

Encoded EncodeChangeLink(SpanWriter* out, uint32_t sequence, const LinkRecord& change) {
  namespace a = policy::link;
  // Without an index the kernel would go by the name.
  if (!IsSound(change) || !IsIfindex(change.ifindex)) return Encoded::kCannot;
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(change.ifindex);
  if (Has(change, kHasUp)) {
    header.ifi_change = IFF_UP;
    header.ifi_flags = change.flags & IFF_UP;
  }
  MessageWriter writer(out);
  writer.Begin(RTM_NEWLINK, kRequest, sequence, header);
  PutCommon(&writer, change);
  if ((change.fields & (kHasLocal | kHasVxlanParent | kHasLearning)) != 0) {
    const size_t info = writer.Open(a::kInfo);
    writer.Put(a::kInfoKind, "vxlan");
    const size_t data = writer.Open(a::kInfoData);
    if (Has(change, kHasVxlanParent)) writer.Put(policy::vxlan::kParent, change.vxlan_parent);
    PutLocal(&writer, change);
    if (Has(change, kHasLearning)) PutLearning(&writer, change);
    writer.Close(data);
    writer.Close(info);
  }
  return Finish(&writer);
}

Encoded EncodeMoveLink(SpanWriter* out, uint32_t sequence, uint32_t ifindex, int netns_fd) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(ifindex);
  MessageWriter writer(out);
  writer.Begin(RTM_NEWLINK, kRequest, sequence, header);
  writer.Put(policy::link::kNetnsFd, static_cast<uint32_t>(netns_fd));
  return Finish(&writer);
}

Encoded EncodeDeleteLink(SpanWriter* out, uint32_t sequence, uint32_t ifindex) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(ifindex);
  MessageWriter writer(out);
  writer.Begin(RTM_DELLINK, kRequest, sequence, header);
  return Finish(&writer);
}

Encoded EncodeDumpLinks(SpanWriter* out, uint32_t sequence) {
  MessageWriter writer(out);
  writer.Begin(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, sequence, ifinfomsg{});
  writer.Put(policy::link::kExtMask, RTEXT_FILTER_SKIP_STATS);
  return Finish(&writer);
}

}  // namespace vtepd::rtnl
