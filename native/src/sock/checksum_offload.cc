#include "sock/checksum_offload.h"

// Before linux/sockios.h, which leaves out what is defined already.
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// clang-format off
#include <linux/ethtool.h>
#include <linux/sockios.h>
// clang-format on

#include <cerrno>

namespace vtepd::sock {

namespace {

// One question by the link's name, which is asked for first: between the two the link may be renamed, and is then asked again
// by whoever hears of that.
Outcome Ask(const Netns& netns, uint32_t ifindex, ethtool_value* value) {
  UniqueFd fd;
  // Of the one family that every kernel has.
  if (Outcome opened = netns.OpenSocket(AF_UNIX, SOCK_DGRAM, 0, &fd); !opened.done()) return opened;
  ifreq request{};
  request.ifr_ifindex = static_cast<int>(ifindex);
  if (ioctl(fd.get(), SIOCGIFNAME, &request) < 0) return Outcome::Refused({.error = errno, .text = {}});
  request.ifr_data = reinterpret_cast<char*>(value);
  if (ioctl(fd.get(), SIOCETHTOOL, &request) < 0) return Outcome::Refused({.error = errno, .text = {}});
  return {};
}

}  // namespace

Outcome ReadTxChecksum(const Netns& netns, uint32_t ifindex, bool* on) {
  ethtool_value value{.cmd = ETHTOOL_GTXCSUM, .data = 0};
  Outcome outcome = Ask(netns, ifindex, &value);
  if (outcome.done()) *on = value.data != 0;
  return outcome;
}

Outcome WriteTxChecksum(const Netns& netns, uint32_t ifindex, bool on) {
  ethtool_value value{.cmd = ETHTOOL_STXCSUM, .data = on ? 1U : 0U};
  return Ask(netns, ifindex, &value);
}

}  // namespace vtepd::sock
