#include "sock/datagram.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "base/unique_fd.h"

namespace vtepd::sock {

Outcome SendDatagram(const std::string& path, const std::string& text) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A name of the file system needs its zero byte; an abstract one is as long as the address says.
  const bool abstract = path.starts_with('@');
  const size_t length = path.size() + (abstract ? 0 : 1);
  if (path.size() < 2 || length > sizeof(address.sun_path)) return Outcome::Socket(ENAMETOOLONG, path);
  std::memcpy(address.sun_path, path.c_str(), length);
  if (abstract) address.sun_path[0] = '\0';

  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return Outcome::Socket(errno, "socket");
  const ssize_t sent =
      sendto(fd.get(), text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length));
  return sent < 0 ? Outcome::Socket(errno, path) : Outcome{};
}

}  // namespace vtepd::sock
