#include "sock/datagram.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "base/unique_fd.h"
#include "check.h"

namespace vtepd::sock {

namespace {

// A socket that listens at `path`, `@` standing for the abstract kind.
UniqueFd Listen(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path.front() == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  CHECK_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  const int on = 1;
  CHECK_EQ(setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
  return fd;
}

// The text of the next datagram, and the process that sent it.
std::string Hear(const UniqueFd& fd, pid_t* sender) {
  std::array<char, 256> text{};
  std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
  iovec room{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &room;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = recvmsg(fd.get(), &message, 0);
  CHECK(size >= 0);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  ucred credentials{};
  if (header != nullptr) std::memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
  *sender = credentials.pid;
  return {text.data(), static_cast<size_t>(size < 0 ? 0 : size)};
}

struct Folder {
  Folder() { CHECK(mkdtemp(path.data()) != nullptr); }
  ~Folder() { rmdir(path.data()); }
  std::string path = "/tmp/vtepd-datagram-XXXXXX";
};

}  // namespace

TEST("a datagram reaches a socket that is a file and one that is an abstract name, from this very process") {
  const Folder folder;
  const std::string file = folder.path + "/notify";
  for (const std::string& path : {file, "@vtepd-test-" + std::to_string(getpid())}) {
    const UniqueFd listener = Listen(path);
    CHECK(SendDatagram(path, "READY=1\nSTATUS=héllo").done());
    pid_t sender = 0;
    CHECK_EQ(Hear(listener, &sender), std::string("READY=1\nSTATUS=héllo"));
    CHECK_EQ(sender, getpid());
  }
  unlink(file.c_str());
}

TEST("a receiver that does not read is not waited for") {
  const std::string path = "@vtepd-test-full-" + std::to_string(getpid());
  const UniqueFd listener = Listen(path);
  Outcome outcome;
  for (int i = 0; i < 100'000 && outcome.done(); ++i) outcome = SendDatagram(path, "STATUS=again");
  CHECK(outcome.kind == Outcome::Kind::kSocket);
  CHECK_EQ(outcome.error, EAGAIN);
}

TEST("nobody who listens, and what is no path, is an errno") {
  const std::string longest(sizeof(sockaddr_un::sun_path), 'x');
  CHECK_EQ(SendDatagram("/nowhere/notify", "x").error, ENOENT);
  CHECK_EQ(SendDatagram("@vtepd-test-nobody", "x").error, ECONNREFUSED);
  CHECK_EQ(SendDatagram("@" + longest.substr(1), "x").error, ECONNREFUSED);
  CHECK_EQ(SendDatagram("@" + longest, "x").error, ENAMETOOLONG);
  CHECK_EQ(SendDatagram(longest, "x").error, ENAMETOOLONG);
  for (const std::string& path : {std::string(), std::string("@"), std::string("/a\0b", 4)})
    CHECK_EQ(SendDatagram(path, "x").error, EINVAL);
}

}  // namespace vtepd::sock
