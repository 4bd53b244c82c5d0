#include "sock/datagram.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "base/unique_fd.h"

namespace vtepd::sock {

Outcome SendDatagram(const std::string& path, const std::string& text) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (path.empty() || path == "@" || path.find('\0') != std::string::npos) return Outcome::Socket(EINVAL, path);
  const bool is_abstract = path.front() == '@';
  // A file's name ends in a zero, an abstract one with the address.
  if (path.size() > sizeof(to.sun_path) - (is_abstract ? 0 : 1)) return Outcome::Socket(ENAMETOOLONG, path);
  std::copy(path.begin(), path.end(), to.sun_path);
  if (is_abstract) to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1));

  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return Outcome::Socket(errno, "socket");
  while (sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size) < 0)
    if (errno != EINTR) return Outcome::Socket(errno, path);
  return {};
}

}  // namespace vtepd::sock
