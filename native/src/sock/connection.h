// One netlink socket with its buffers: whole datagrams in and out, waits that can be cancelled.
// Must not: understand what is inside a datagram.
#ifndef VTEPD_SOCK_CONNECTION_H_
#define VTEPD_SOCK_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/span_reader.h"
#include "base/unique_fd.h"
#include "sock/netns.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// CLOCK_MONOTONIC.
[[nodiscard]] int64_t NowMs();

// Of ConnectionOptions' buffers, bytes, and of the entries of one chunk: what a caller may ask for.
inline constexpr uint32_t kLeastUserBuffer = 16;
inline constexpr uint32_t kLargestUserBuffer = 16U << 20;
inline constexpr uint32_t kLargestReceiveBuffer = 64U << 20;
inline constexpr uint32_t kMostChunkEntries = 65'536;

struct ConnectionOptions {
  // How long one answer may take.
  int timeout_ms = 10'000;
  // NETLINK_*; 0 is NETLINK_ROUTE.
  int protocol = 0;
  // SO_RCVBUF; 0 leaves the system's default.
  int receive_buffer = 0;
  // First size of the send and receive buffers in user space. Both grow when a message does not fit. With 32 KiB the
  // kernel fills its dumps to that size; it never makes them larger.
  size_t user_buffer = 32'768;
};

struct Received {
  // 0 or a positive errno: ETIMEDOUT, ECANCELED, ENOBUFS (messages were lost, the socket lives on), or the socket's own.
  int error = 0;
  // Valid until the next call of Receive.
  Bytes datagram;
};

// Used by one thread at a time; Cancel() and Interrupt() alone may come from any thread at any time.
class Connection {
 public:
  static constexpr int kForever = -1;

  Connection() = default;

  // Opens, configures and binds: extended acks, capped acks, strict checking of dumps.
  [[nodiscard]] Outcome Open(const Netns& netns, const ConnectionOptions& options);
  // Takes a socket that something else prepared (tests: one end of a socketpair).
  [[nodiscard]] Outcome Adopt(UniqueFd fd, const ConnectionOptions& options);

  // Joins a multicast group (RTNLGRP_*). 0 or a positive errno.
  [[nodiscard]] int Join(unsigned group);

  // 0 or a positive errno. The kernel does the work inside this call.
  [[nodiscard]] int Send(Bytes datagram);
  // The next datagram of the kernel, whole, whatever its size. `timeout_ms` 0: only what is there.
  [[nodiscard]] Received Receive(int timeout_ms);
  [[nodiscard]] Received Receive() { return Receive(options_.timeout_ms); }
  // Reads and drops what is there; also ends a dump that was left half-way. Not done where it is cancelled meanwhile.
  void Drain();

  // A wait that is under way, and every later one, ends with ECANCELED.
  void Cancel();
  // The same until Resume(), which the thread that uses the connection calls. What was asked leaves its answers behind.
  void Interrupt();
  void Resume();
  [[nodiscard]] bool cancelled() const {
    return cancelled_.load(std::memory_order_acquire) || interrupted_.load(std::memory_order_acquire);
  }

  // Cancel() was called; Interrupt() does not count.
  [[nodiscard]] bool ended() const { return cancelled_.load(std::memory_order_acquire); }

  // Hands out `count` consecutive sequence numbers and returns the first. They wrap around.
  uint32_t TakeSequences(uint32_t count) {
    const uint32_t first = next_sequence_;
    next_sequence_ += count;
    return first;
  }

  // Cancel() may still come.
  void Close() { fd_.Reset(); }
  // Closes what Cancel() needs, too: nobody uses it any more.
  void Dispose() {
    fd_.Reset();
    wake_.Reset();
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] uint32_t port_id() const { return port_id_; }
  // What getsockopt(SO_RCVBUF) says, bytes.
  [[nodiscard]] int actual_receive_buffer() const { return actual_receive_buffer_; }
  // Scratch for outgoing messages; its user may enlarge it.
  [[nodiscard]] std::vector<uint8_t>& send_buffer() { return send_buffer_; }

  // A transaction that ended early leaves answers behind: whoever starts the next one drains first.
  bool leftovers = false;

 private:
  [[nodiscard]] int Configure();
  void Wake();
  // 0 when readable.
  [[nodiscard]] int WaitReadable(int64_t deadline_ms) const;

  UniqueFd fd_;
  UniqueFd wake_;
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> interrupted_{false};
  ConnectionOptions options_;
  uint32_t port_id_ = 0;
  int actual_receive_buffer_ = 0;
  uint32_t next_sequence_ = 1;
  std::vector<uint8_t> send_buffer_;
  std::vector<uint8_t> receive_buffer_;
};

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_CONNECTION_H_
