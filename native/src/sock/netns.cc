#include "sock/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/thread.h"

namespace vtepd::sock {

namespace {

// 0 or a positive errno.
int OpenHere(int domain, int type, int protocol, UniqueFd* out) {
  out->Reset(socket(domain, type | SOCK_CLOEXEC, protocol));
  return out->valid() ? 0 : errno;
}

}  // namespace

Outcome Netns::Open(const std::string& path, Netns* out) {
  out->fd_.Reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return out->fd_.valid() ? Outcome{} : Outcome::Socket(errno, path);
}

Outcome Netns::OpenSocket(int domain, int type, int protocol, UniqueFd* out) const {
  if (!fd_.valid()) {
    const int error = OpenHere(domain, type, protocol, out);
    return error == 0 ? Outcome{} : Outcome::Socket(error, "socket");
  }
  int entered = 0;
  int opened = 0;
  Thread thread;
  const int started = thread.Start([&] {
    entered = setns(fd_.get(), CLONE_NEWNET) == 0 ? 0 : errno;
    if (entered == 0) opened = OpenHere(domain, type, protocol, out);
  });
  thread.Join();
  if (started != 0) return Outcome::Socket(started, "a thread to enter the network namespace");
  if (entered != 0) return Outcome::Socket(entered, "setns");
  return opened == 0 ? Outcome{} : Outcome::Socket(opened, "socket");
}

}  // namespace vtepd::sock
