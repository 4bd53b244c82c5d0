#include "sock/announce.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "packet/announcement.h"

namespace vtepd::sock {

Outcome Announce(const Netns& netns, const rtnl::AnnounceRecord& announcement) {
  const packet::Packet packet = announcement.family == AF_INET6 ? packet::UnsolicitedAdvertisement(announcement)
                                                                : packet::GratuitousArp(announcement);
  UniqueFd fd;
  // Of no protocol: it receives nothing.
  if (Outcome opened = netns.OpenSocket(AF_PACKET, SOCK_DGRAM, 0, &fd); !opened.done()) return opened;
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(packet.ethertype);
  to.sll_ifindex = static_cast<int>(announcement.ifindex);
  to.sll_halen = static_cast<uint8_t>(packet.destination.size());
  std::copy(packet.destination.begin(), packet.destination.end(), to.sll_addr);
  while (sendto(fd.get(), packet.payload.data(), packet.payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0)
    if (errno != EINTR) return Outcome::Refused({.error = errno, .text = {}});
  return {};
}

}  // namespace vtepd::sock
