// The bytes are worked out by hand from RFC 826, RFC 4861 and RFC 8200, the checksums by another program.
#include "packet/announcement.h"

#include <linux/if_ether.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "base/span_reader.h"
#include "check.h"
#include "samples.h"

namespace vtepd::packet {

static rtnl::AnnounceRecord Of(uint8_t family, const char* ip, rtnl::Lladdr6 lladdr, unsigned flags) {
  return {4, family, static_cast<uint8_t>(flags), lladdr, test::Ip(ip)};
}

static std::string Hex(Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0x0f];
  }
  return text;
}

TEST("a gratuitous ARP request names the address as sender and target, and asks everybody") {
  const Packet packet = GratuitousArp(Of(AF_INET, "192.0.2.1", {2, 0, 0, 0, 0, 0x10}, 3));
  CHECK_EQ(packet.ethertype, ETH_P_ARP);
  CHECK((packet.destination == rtnl::Lladdr6{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  CHECK_EQ(Hex(packet.payload), std::string("0001"              // Ethernet
                                            "0800"              // IPv4
                                            "0604"              // lengths of their addresses
                                            "0001"              // request
                                            "020000000010"      // sender
                                            "c0000201"          //
                                            "000000000000"      // target
                                            "c0000201"));
}

TEST("an unsolicited advertisement goes from the address to all nodes, with hop limit 255 and a right checksum") {
  const Packet packet = UnsolicitedAdvertisement(
      Of(AF_INET6, "2001:db8::1", {2, 0, 0, 0, 0, 0x10}, rtnl::kAnnounceOverride));
  CHECK_EQ(packet.ethertype, ETH_P_IPV6);
  CHECK((packet.destination == rtnl::Lladdr6{0x33, 0x33, 0, 0, 0, 1}));
  CHECK_EQ(Hex(packet.payload), std::string("60000000"                          // version 6
                                            "0020"                              // 32 bytes follow
                                            "3aff"                              // ICMPv6, hop limit
                                            "20010db8000000000000000000000001"  // source
                                            "ff020000000000000000000000000001"  // ff02::1
                                            "8800"                              // advertisement
                                            "f91b"                              // checksum
                                            "20000000"                          // override
                                            "20010db8000000000000000000000001"  // target
                                            "0201"                              // its link-layer address
                                            "020000000010"));
}

TEST("router and override are told as asked, and a checksum that carries is right") {
  const auto icmp = [](const char* ip, rtnl::Lladdr6 lladdr, unsigned flags) {
    return Hex(Bytes(UnsolicitedAdvertisement(Of(AF_INET6, ip, lladdr, flags)).payload).subspan(40, 5));
  };
  const rtnl::Lladdr6 high{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  CHECK_EQ(icmp("fe80::1", high, rtnl::kAnnounceRouter | rtnl::kAnnounceOverride), std::string("8800d99ba0"));
  CHECK_EQ(icmp("fd42:0:0:1::ffff", {0x0e, 0x2a, 0, 0, 0, 1}, rtnl::kAnnounceRouter), std::string("8800edec80"));
}

}  // namespace vtepd::packet
