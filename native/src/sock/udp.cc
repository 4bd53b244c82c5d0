#include "sock/udp.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <utility>

namespace vtepd::sock {

namespace {

// linux/in6.h, which some C libraries do not repeat.
constexpr int kIpv6Freebind = 78;

struct Option {
  int level;
  int name;
  int value;
};

Outcome SetAll(const UniqueFd& fd, std::initializer_list<Option> options) {
  for (const auto& [level, name, value] : options)
    if (setsockopt(fd.get(), level, name, &value, sizeof(value)) != 0) return Outcome::Socket(errno, "setsockopt");
  return {};
}

}  // namespace

Outcome OpenUdp(Bytes address, uint16_t port, UniqueFd* opened) {
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  const bool is_ipv4 = address.size() == sizeof(ipv4.sin_addr);
  if (!is_ipv4 && address.size() != sizeof(ipv6.sin6_addr)) return Outcome::Socket(EINVAL, "address");
  UniqueFd fd(socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Outcome::Socket(errno, "socket");
  Outcome set = is_ipv4 ? SetAll(fd, {{IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE}, {IPPROTO_IP, IP_FREEBIND, 1}})
                        : SetAll(fd, {{IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE},
                                      {IPPROTO_IPV6, IPV6_V6ONLY, 1},
                                      {IPPROTO_IPV6, kIpv6Freebind, 1}});
  if (!set.done()) return set;
  int status = 0;
  if (is_ipv4) {
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    std::memcpy(&ipv4.sin_addr, address.data(), sizeof(ipv4.sin_addr));
    status = bind(fd.get(), reinterpret_cast<const sockaddr*>(&ipv4), sizeof(ipv4));
  } else {
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    std::memcpy(&ipv6.sin6_addr, address.data(), sizeof(ipv6.sin6_addr));
    status = bind(fd.get(), reinterpret_cast<const sockaddr*>(&ipv6), sizeof(ipv6));
  }
  if (status != 0) return Outcome::Socket(errno, "bind");
  *opened = std::move(fd);
  return {};
}

}  // namespace vtepd::sock
