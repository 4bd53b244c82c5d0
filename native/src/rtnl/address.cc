#include "rtnl/address.h"

#include "rtnl/ip.h"
#include "rtnl/policy.h"
#include "rtnl/sound.h"

namespace vtepd::rtnl {

namespace {

namespace a = policy::address;

Encoded EncodeAddress(SpanWriter* out, uint16_t type, uint16_t flags, uint32_t sequence, const AddressRecord& address) {
  if (!IsIfindex(address.ifindex) || address.prefix_length > 8 * AddressBytes(address.family)) return Encoded::kCannot;
  if (AddressBytes(address.family) == 0) return Encoded::kCannot;
  ifaddrmsg header{};
  header.ifa_family = address.family;
  header.ifa_prefixlen = address.prefix_length;
  header.ifa_scope = address.scope;
  header.ifa_index = address.ifindex;
  nl::MessageWriter writer(out);
  writer.Begin(type, static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags), sequence, header);
  const Bytes ip = AddressSpan(address.family, address.ip);
  writer.Put(a::kLocal, ip);
  writer.Put(a::kAddress, ip);
  if (type == RTM_NEWADDR && address.family == AF_INET6 && (address.flags & IFA_F_NODAD) != 0)
    writer.Put(a::kFlags, IFA_F_NODAD);
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

}  // namespace

Decoded DecodeAddress(const nl::Message& message) {
  SpanReader reader(message.payload);
  const ifaddrmsg header = reader.Read<ifaddrmsg>();
  if (reader.failed()) return Malformed{};
  if (AddressBytes(header.ifa_family) == 0) return Skipped{};

  nl::Attributes attributes(reader.rest());
  AddressRecord address{};
  address.ifindex = header.ifa_index;
  address.flags = attributes.Get(a::kFlags).value_or(header.ifa_flags);
  address.family = header.ifa_family;
  address.prefix_length = header.ifa_prefixlen;
  address.scope = header.ifa_scope;
  address.protocol = attributes.Get(a::kProtocol).value_or(0);
  // On a point-to-point link IFA_ADDRESS is the other end.
  auto ip = attributes.Get(a::kLocal);
  if (!ip) ip = attributes.Get(a::kAddress);
  if (attributes.malformed() || !ip || !CopyAddress(address.family, *ip, &address.ip)) return Malformed{};
  if (address.ifindex == 0 || address.prefix_length > 8 * AddressBytes(address.family)) return Malformed{};
  return address;
}

Encoded EncodeAddAddress(SpanWriter* out, uint32_t sequence, const AddressRecord& address) {
  return EncodeAddress(out, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sequence, address);
}

Encoded EncodeDeleteAddress(SpanWriter* out, uint32_t sequence, const AddressRecord& address) {
  return EncodeAddress(out, RTM_DELADDR, 0, sequence, address);
}

Encoded EncodeDumpAddresses(SpanWriter* out, uint32_t sequence, uint8_t family) {
  ifaddrmsg header{};
  header.ifa_family = family;
  nl::MessageWriter writer(out);
  writer.Begin(RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, sequence, header);
  return writer.End() ? Encoded::kOk : Encoded::kDoesNotFit;
}

}  // namespace vtepd::rtnl
