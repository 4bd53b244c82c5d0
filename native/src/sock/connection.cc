#include "sock/connection.h"

#include <linux/netlink.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace vtepd::sock {

namespace {

constexpr int64_t kNever = -1;

int SetOption(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : errno;
}

}  // namespace

int64_t NowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

Outcome Connection::Open(const Netns& netns, const ConnectionOptions& options) {
  UniqueFd fd;
  if (Outcome opened = netns.OpenSocket(AF_NETLINK, SOCK_RAW, options.protocol, &fd); !opened.done()) return opened;
  if (Outcome adopted = Adopt(std::move(fd), options); !adopted.done()) return adopted;
  const int error = Configure();
  if (error == ENOPROTOOPT) return Outcome::Socket(error, "strict dumps need Linux 4.20 or later");
  return error == 0 ? Outcome{} : Outcome::Socket(error, "configuring the socket");
}

Outcome Connection::Adopt(UniqueFd fd, const ConnectionOptions& options) {
  fd_ = std::move(fd);
  options_ = options;
  options_.user_buffer = std::max(options.user_buffer, size_t{kLeastUserBuffer});
  send_buffer_.resize(options_.user_buffer);
  receive_buffer_.resize(options_.user_buffer);
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_.valid()) return Outcome::Socket(errno, "eventfd");

  // Beyond net.core.rmem_max only with CAP_NET_ADMIN in the first user namespace; else the system cuts it.
  if (options_.receive_buffer > 0 && SetOption(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, options_.receive_buffer) != 0) {
    if (const int error = SetOption(fd_.get(), SOL_SOCKET, SO_RCVBUF, options_.receive_buffer); error != 0)
      return Outcome::Socket(error, "SO_RCVBUF");
  }
  socklen_t size = sizeof(actual_receive_buffer_);
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &actual_receive_buffer_, &size) != 0)
    return Outcome::Socket(errno, "SO_RCVBUF");
  return {};
}

int Connection::Configure() {
  // Capped acks leave the request out of a refusal, so that every refusal costs the receive buffer the same.
  for (const int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
    if (const int error = SetOption(fd_.get(), SOL_NETLINK, option, 1); error != 0) return error;
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) return errno;
  socklen_t size = sizeof(address);
  if (getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return errno;
  port_id_ = address.nl_pid;
  return 0;
}

int Connection::Join(unsigned group) {
  return SetOption(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, static_cast<int>(group));
}

int Connection::Send(Bytes datagram) {
  if (cancelled()) return ECANCELED;
  while (send(fd_.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

Received Connection::Receive(int timeout_ms) {
  const int64_t deadline = timeout_ms == kForever ? kNever : NowMs() + timeout_ms;
  while (!cancelled()) {
    // Peeked first: what does not fit would be cut, and lost.
    const ssize_t size = recv(fd_.get(), nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (size < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) return {errno, {}};
      if (const int error = WaitReadable(deadline); error != 0) return {error, {}};
      continue;
    }
    if (static_cast<size_t>(size) > receive_buffer_.size()) receive_buffer_.resize(static_cast<size_t>(size));
    sockaddr_nl sender{};
    socklen_t sender_size = sizeof(sender);
    const ssize_t taken = recvfrom(fd_.get(), receive_buffer_.data(), receive_buffer_.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (taken < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return {errno, {}};
    }
    if (taken == 0) return {ECONNRESET, {}};
    // Only the kernel (port 0) is believed: any process with CAP_NET_ADMIN may send to this socket.
    if (sender_size >= sizeof(sender) && sender.nl_family == AF_NETLINK && sender.nl_pid != 0) continue;
    return {0, Bytes(receive_buffer_).first(static_cast<size_t>(taken))};
  }
  return {ECANCELED, {}};
}

int Connection::WaitReadable(int64_t deadline_ms) const {
  std::array<pollfd, 2> waits{{{fd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
  while (true) {
    const int64_t left = deadline_ms == kNever ? kForever : deadline_ms - NowMs();
    if (deadline_ms != kNever && left <= 0) return ETIMEDOUT;
    const int ready = poll(waits.data(), waits.size(), static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return errno;
    if (cancelled()) return ECANCELED;
    if (ready > 0) return (waits[0].revents & POLLNVAL) != 0 ? EBADF : 0;
  }
}

void Connection::Drain() {
  for (int error = 0; error == 0 || error == ENOBUFS;) error = Receive(0).error;
  leftovers = cancelled();
}

void Connection::Cancel() {
  cancelled_.store(true, std::memory_order_release);
  Wake();
}

void Connection::Interrupt() {
  interrupted_.store(true, std::memory_order_release);
  Wake();
}

void Connection::Resume() {
  if (!interrupted_.exchange(false, std::memory_order_acq_rel)) return;
  // Whoever cancelled meanwhile is seen by the flag, which is looked at before each wait.
  uint64_t woken = 0;
  [[maybe_unused]] const ssize_t taken = read(wake_.get(), &woken, sizeof(woken));
}

void Connection::Wake() {
  const uint64_t one = 1;
  // Cannot fail: the counter of an eventfd holds 2^64-2 of these.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof(one));
}

}  // namespace vtepd::sock
