#include "sock/udp.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/unique_fd.h"
#include "check.h"

namespace vtepd::sock {

namespace {

constexpr std::array<uint8_t, 4> kLoopback4 = {127, 0, 0, 1};
constexpr std::array<uint8_t, 16> kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

int OptionOf(const UniqueFd& fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  CHECK_EQ(getsockopt(fd.get(), level, name, &value, &size), 0);
  return value;
}

uint16_t PortOf(const UniqueFd& fd) {
  sockaddr_in bound{};
  socklen_t size = sizeof(bound);
  CHECK_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  return ntohs(bound.sin_port);
}

}  // namespace

TEST("a UDP socket never fragments, of either family, and its address need not be there") {
  UniqueFd fd;
  CHECK(OpenUdp(Bytes(kLoopback4), 0, &fd).done());
  CHECK_EQ(OptionOf(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
  const std::array<uint8_t, 4> elsewhere = {192, 0, 2, 1};
  CHECK(OpenUdp(Bytes(elsewhere), 0, &fd).done());
  const Outcome outcome = OpenUdp(Bytes(kLoopback6), 0, &fd);
  // A kernel without IPv6 has no such socket.
  if (outcome.done()) {
    CHECK_EQ(OptionOf(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
  } else {
    CHECK_EQ(outcome.error, EAFNOSUPPORT);
  }
}

TEST("a port that is taken, and what is no address, is an errno, and nothing stays open") {
  UniqueFd first;
  CHECK(OpenUdp(Bytes(kLoopback4), 0, &first).done());
  UniqueFd second;
  const Outcome taken = OpenUdp(Bytes(kLoopback4), PortOf(first), &second);
  CHECK(taken.kind == Outcome::Kind::kSocket);
  CHECK_EQ(taken.error, EADDRINUSE);
  CHECK(!second.valid());
  const std::vector<uint8_t> odd = {1, 2, 3};
  CHECK_EQ(OpenUdp(Bytes(odd), 0, &second).error, EINVAL);
}

}  // namespace vtepd::sock
