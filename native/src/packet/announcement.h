// The packets with which a host says unasked where an address of its own is: what a neighbour has cached of it is replaced at
// once, not when it times out. Pure. Must not: decide whether, when or how often to say it.
#ifndef VTEPD_PACKET_ANNOUNCEMENT_H_
#define VTEPD_PACKET_ANNOUNCEMENT_H_

#include <cstdint>
#include <vector>

#include "rtnl/records.h"

namespace vtepd::packet {

// What follows the header of the link layer, and to whom it goes.
struct Packet {
  uint16_t ethertype;
  rtnl::Lladdr6 destination;
  std::vector<uint8_t> payload;
};

// Whether there is a packet that says it: a link, a family of addresses, and no flag but those of AnnounceFlag.
[[nodiscard]] bool CanAnnounce(const rtnl::AnnounceRecord& announcement);

// A gratuitous ARP request (RFC 5227, 3; sender and target are the address), as the kernel's arp_notify sends it: broadcast,
// the target's link-layer address zero. It replaces an entry even within the time in which a reply would be ignored.
[[nodiscard]] Packet GratuitousArp(const rtnl::AnnounceRecord& announcement);

// An unsolicited neighbour advertisement (RFC 4861, 7.2.6) from the address to all nodes, hop limit 255, with the target
// link-layer address, checksum included.
[[nodiscard]] Packet UnsolicitedAdvertisement(const rtnl::AnnounceRecord& announcement);

}  // namespace vtepd::packet

#endif  // VTEPD_PACKET_ANNOUNCEMENT_H_
