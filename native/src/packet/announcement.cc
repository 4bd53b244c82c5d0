#include "packet/announcement.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <array>

#include "base/span_reader.h"
#include "rtnl/ip.h"
#include "rtnl/sound.h"

namespace vtepd::packet {

namespace {

constexpr rtnl::Lladdr6 kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
// ff02::1 and its Ethernet address (RFC 2464, 7).
constexpr rtnl::Lladdr6 kAllNodesLladdr{0x33, 0x33, 0, 0, 0, 1};
constexpr rtnl::Address16 kAllNodes{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kNeighbourAdvertisement = 136;
constexpr uint8_t kTargetLladdr = 2;
constexpr size_t kIpv6Header = 40;
// Header, target, option.
constexpr size_t kAdvertisement = 8 + 16 + 8;

template <size_t kSize>
void Append(std::vector<uint8_t>* out, const std::array<uint8_t, kSize>& bytes) {
  out->insert(out->end(), bytes.begin(), bytes.end());
}

// Of an even number of bytes, in network order (RFC 1071).
uint32_t Sum(Bytes bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  return sum;
}

// Over the pseudo-header of RFC 8200, 8.1, and the message, whose own checksum is zero yet.
uint16_t Checksum(Bytes source, Bytes destination, Bytes message) {
  uint32_t sum = Sum(source) + Sum(destination) + static_cast<uint32_t>(message.size()) + kIcmpv6 + Sum(message);
  while (sum > UINT16_MAX) sum = (sum & UINT16_MAX) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

std::vector<uint8_t> Advertisement(const rtnl::AnnounceRecord& announcement) {
  constexpr unsigned kRouter = 0x80;
  constexpr unsigned kOverride = 0x20;
  const unsigned flags = ((announcement.flags & rtnl::kAnnounceRouter) != 0 ? kRouter : 0u) |
                         ((announcement.flags & rtnl::kAnnounceOverride) != 0 ? kOverride : 0u);
  std::vector<uint8_t> message{kNeighbourAdvertisement, 0, 0, 0, static_cast<uint8_t>(flags), 0, 0, 0};
  Append(&message, announcement.ip);
  message.insert(message.end(), {kTargetLladdr, 1});
  Append(&message, announcement.lladdr);
  const uint16_t checksum = Checksum(announcement.ip, kAllNodes, message);
  message[2] = static_cast<uint8_t>(checksum >> 8);
  message[3] = static_cast<uint8_t>(checksum);
  return message;
}

}  // namespace

bool CanAnnounce(const rtnl::AnnounceRecord& announcement) {
  constexpr unsigned kFlags = rtnl::kAnnounceRouter | rtnl::kAnnounceOverride;
  return rtnl::IsIfindex(announcement.ifindex) && rtnl::AddressBytes(announcement.family) != 0 &&
         (announcement.flags & ~kFlags) == 0;
}

Packet GratuitousArp(const rtnl::AnnounceRecord& announcement) {
  // Ethernet, IPv4, their lengths, request.
  std::vector<uint8_t> payload{0, 1, 0x08, 0x00, 6, 4, 0, 1};
  const Bytes ip = Bytes(announcement.ip).first(4);
  Append(&payload, announcement.lladdr);
  payload.insert(payload.end(), ip.begin(), ip.end());
  Append(&payload, rtnl::Lladdr6{});
  payload.insert(payload.end(), ip.begin(), ip.end());
  return {ETH_P_ARP, kBroadcast, std::move(payload)};
}

Packet UnsolicitedAdvertisement(const rtnl::AnnounceRecord& announcement) {
  std::vector<uint8_t> payload{0x60, 0, 0, 0, 0, kAdvertisement, kIcmpv6, 255};
  payload.reserve(kIpv6Header + kAdvertisement);
  Append(&payload, announcement.ip);
  Append(&payload, kAllNodes);
  const std::vector<uint8_t> message = Advertisement(announcement);
  payload.insert(payload.end(), message.begin(), message.end());
  return {ETH_P_IPV6, kAllNodesLladdr, std::move(payload)};
}

}  // namespace vtepd::packet
