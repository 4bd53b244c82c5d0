#include "sock/xtables.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/unique_fd.h"

namespace vtepd::sock {

namespace {

// IPT_SO_GET_INFO and IP6T_SO_GET_INFO. The kernel's own headers for them do not compile as C++.
constexpr int kGetInfo = 64;

// struct ipt_getinfo and ip6t_getinfo.
struct Info {
  std::array<char, 32> name;
  uint32_t valid_hooks;
  XtablesSize size;
};
static_assert(sizeof(Info) == 84);

}  // namespace

Outcome ReadXtablesSizes(const Netns& netns, int family, const std::vector<std::string>& tables,
                         std::vector<XtablesSize>* sizes) {
  if (family != AF_INET && family != AF_INET6) return Outcome::Socket(EAFNOSUPPORT, "socket");
  UniqueFd fd;
  if (Outcome opened = netns.OpenSocket(family, SOCK_RAW, IPPROTO_RAW, &fd); !opened.done()) return opened;
  const int level = family == AF_INET6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP};
  for (const std::string& table : tables) {
    Info info{};
    if (table.empty() || table.size() >= info.name.size()) return Outcome::Refused({.error = EINVAL, .text = {}});
    std::copy(table.begin(), table.end(), info.name.begin());
    socklen_t size = sizeof(info);
    if (getsockopt(fd.get(), level, kGetInfo, &info, &size) != 0) return Outcome::Refused({.error = errno, .text = {}});
    sizes->push_back(info.size);
  }
  return {};
}

}  // namespace vtepd::sock
