#include "sock/netns.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <cerrno>
#include <utility>

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
  // Looked at before it is opened: to open a device or a pipe may already do something, or wait.
  struct statfs before{};
  if (statfs(path.c_str(), &before) != 0) return Outcome::Socket(errno, path);
  if (before.f_type != NSFS_MAGIC) return Outcome::Socket(EINVAL, path + " is no network namespace");
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return Outcome::Socket(errno, path);
  // Of another type, or something else by now. ENOTTY is also what kernels before 4.11 say: there setns() tells.
  const int type = ioctl(fd.get(), NS_GET_NSTYPE);
  if (type >= 0 && type != CLONE_NEWNET) return Outcome::Socket(EINVAL, path + " is no network namespace");
  out->fd_ = std::move(fd);
  return {};
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
  if (entered != 0)
    return Outcome::Socket(entered, entered == EINVAL ? "what was opened is no network namespace" : "setns");
  return opened == 0 ? Outcome{} : Outcome::Socket(opened, "socket");
}

}  // namespace vtepd::sock
