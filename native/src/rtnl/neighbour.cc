#include "rtnl/neighbour.h"

#include <algorithm>

#include "rtnl/entry.h"
#include "rtnl/ip.h"
#include "rtnl/policy.h"
#include "rtnl/sound.h"

namespace vtepd::rtnl {

namespace {

namespace a = policy::neighbour;

constexpr size_t kLladdrBytes = 6;

Bytes LladdrSpan(const Address16& field) { return Bytes(field).first(kLladdrBytes); }

bool IsZero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

ndmsg HeaderOf(uint8_t family, const Entry& entry) {
  ndmsg header{};
  header.ndm_family = family;
  header.ndm_ifindex = static_cast<int>(entry.ifindex);
  header.ndm_state = entry.type;
  header.ndm_flags = entry.scope;
  return header;
}

uint16_t TypeOf(const Entry& entry) { return entry.op == kDelete ? RTM_DELNEIGH : RTM_NEWNEIGH; }

Decoded DecodeOverlay(const ndmsg& header, nl::Attributes* attributes, Entry entry) {
  const auto dst = attributes->Get(a::kDst);
  if (!dst || !CopyAddress(header.ndm_family, *dst, &entry.dst)) return Malformed{};
  entry.kind = kNeighbour;
  entry.family = header.ndm_family;
  entry.protocol = attributes->Get(a::kProtocol).value_or(0);
  // Absent while the kernel still asks for it, and of another length on links that are not Ethernet.
  if (const auto lladdr = attributes->Get(a::kLladdr); lladdr && lladdr->size() == kLladdrBytes)
    std::copy(lladdr->begin(), lladdr->end(), entry.via.begin());
  if (attributes->malformed()) return Malformed{};
  return entry;
}

Decoded DecodeFdb(const ndmsg& header, nl::Attributes* attributes, Entry entry) {
  if ((header.ndm_flags & NTF_SELF) == 0) return Skipped{};
  const auto lladdr = attributes->Get(a::kLladdr);
  if (!lladdr) return Malformed{};
  if (lladdr->size() != kLladdrBytes) return Skipped{};
  entry.kind = kFdb;
  std::copy(lladdr->begin(), lladdr->end(), entry.dst.begin());
  if (const auto remote = attributes->Get(a::kDst)) {
    entry.family = remote->size() == AddressBytes(AF_INET) ? AF_INET : AF_INET6;
    if (!CopyAddress(entry.family, *remote, &entry.via)) return Malformed{};
  } else if (!attributes->Has(a::kCacheInfo)) {
    return attributes->malformed() ? Decoded{Malformed{}} : Decoded{Skipped{}};
  }
  const bool extras = attributes->Has(a::kVlan) || attributes->Has(a::kPort) || attributes->Has(a::kVni) ||
                      attributes->Has(a::kSrcVni) || attributes->Has(a::kNexthop) ||
                      attributes->Get(a::kIfindex).value_or(0) != 0;
  if (extras) entry.flags = kExtras;
  if (attributes->malformed()) return Malformed{};
  return entry;
}

}  // namespace

Decoded DecodeNeighbour(const nl::Message& message) {
  SpanReader reader(message.payload);
  const ndmsg header = reader.Read<ndmsg>();
  if (reader.failed()) return Malformed{};
  const bool is_fdb = header.ndm_family == AF_BRIDGE;
  if (!is_fdb && AddressBytes(header.ndm_family) == 0) return Skipped{};
  nl::Attributes attributes(reader.rest());
  if (attributes.malformed()) return Malformed{};

  Entry entry{};
  entry.ifindex = static_cast<uint32_t>(header.ndm_ifindex);
  entry.type = static_cast<uint8_t>(header.ndm_state & 0xff);
  entry.scope = header.ndm_flags;
  return is_fdb ? DecodeFdb(header, &attributes, entry) : DecodeOverlay(header, &attributes, entry);
}

Encoded EncodeNeighbour(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry) {
  if (AddressBytes(entry.family) == 0 || !IsIfindexOrNone(entry.ifindex)) return Encoded::kCannot;
  nl::MessageWriter writer(out);
  writer.Begin(TypeOf(entry), flags, sequence, HeaderOf(entry.family, entry));
  writer.Put(a::kDst, AddressSpan(entry.family, entry.dst));
  // A delete goes by the key alone: the kernel would ignore the rest.
  if (entry.op != kDelete) {
    if (!IsZero(LladdrSpan(entry.via))) writer.Put(a::kLladdr, LladdrSpan(entry.via));
    if (entry.protocol != 0) writer.Put(a::kProtocol, entry.protocol);
  }
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

Encoded EncodeFdb(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry) {
  const bool has_remote = entry.family != 0;
  if (has_remote && AddressBytes(entry.family) == 0) return Encoded::kCannot;
  if (!IsIfindexOrNone(entry.ifindex)) return Encoded::kCannot;
  // An entry written without its port, VNI or output link would be another entry; deleted without them it may stay.
  if ((entry.flags & kExtras) != 0 && entry.op != kDelete) return Encoded::kCannot;
  nl::MessageWriter writer(out);
  writer.Begin(TypeOf(entry), flags, sequence, HeaderOf(AF_BRIDGE, entry));
  writer.Put(a::kLladdr, LladdrSpan(entry.dst));
  if (has_remote) writer.Put(a::kDst, AddressSpan(entry.family, entry.via));
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

Encoded EncodeGetFdb(SpanWriter* out, uint32_t sequence, const Entry& entry) {
  if (entry.kind != kFdb || !IsIfindex(entry.ifindex)) return Encoded::kCannot;
  // Strict checking allows nothing else in the header.
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = static_cast<int>(entry.ifindex);
  header.ndm_flags = NTF_SELF;
  nl::MessageWriter writer(out);
  writer.Begin(RTM_GETNEIGH, NLM_F_REQUEST, sequence, header);
  writer.Put(a::kLladdr, LladdrSpan(entry.dst));
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

Encoded EncodeDumpNeighbours(SpanWriter* out, uint32_t sequence, uint8_t family, uint32_t ifindex) {
  ndmsg header{};
  header.ndm_family = family;
  nl::MessageWriter writer(out);
  writer.Begin(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP, sequence, header);
  writer.Put(a::kIfindex, ifindex);
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

Encoded EncodeDumpFdb(SpanWriter* out, uint32_t sequence, uint32_t ifindex) {
  return EncodeDumpNeighbours(out, sequence, AF_BRIDGE, ifindex);
}

}  // namespace vtepd::rtnl
