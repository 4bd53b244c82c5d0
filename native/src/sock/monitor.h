// Hears what changes in one namespace: multicast groups of rtnetlink, or of nftables, on a thread of its own, decoded to event
// records.
// Must not: keep a queue of its own. While its reader is busy the socket's receive buffer is the queue, so memory is
// bounded and an overflow is the kernel's ENOBUFS, delivered as an event.
//
// An overflow is told twice. ENOBUFS comes before what is still queued, and until that has been read to its end the kernel
// drops further messages without another ENOBUFS (netlink_overrun, netlink_rcv_wake): a dump that answers the first overrun
// may be older than what was dropped. The second comes once the queue has been empty, behind everything that is older.
#ifndef VTEPD_SOCK_MONITOR_H_
#define VTEPD_SOCK_MONITOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/thread.h"
#include "nft/touched.h"
#include "sock/connection.h"
#include "sock/netns.h"
#include "sock/outcome.h"

namespace vtepd::sock {

struct MonitorOptions {
  // RTNLGRP_*, or of the protocol that `connection` names.
  std::vector<unsigned> groups;
  // Port ID whose neighbour and route messages the kernel drops before they reach us; 0: none.
  uint32_t ignored_port = 0;
  ConnectionOptions connection;
  // Appends the events of one datagram; empty: AppendEvents. On the monitor's thread.
  std::function<void(Bytes datagram, std::vector<uint8_t>* events)> append = {};
};

class Monitor {
 public:
  // Gets event records (rtnl::EventHeader and record, back to back) on the monitor's thread; may block, which makes the
  // kernel queue. Returns false when there is nobody to deliver to: the monitor ends.
  using Deliver = std::function<bool(std::vector<uint8_t> events)>;

  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor() { Stop(); }

  // Opens and joins; from here on nothing is missed.
  [[nodiscard]] Outcome Open(const Netns& netns, const MonitorOptions& options);
  // Starts the thread; 0 or a positive errno.
  [[nodiscard]] int Start(Deliver deliver);
  // False: neighbours, FDB entries and routes stay unheard from here on, but for what is queued. True: they are heard again,
  // less what `ignored_port` caused. Between Open and Stop, from the thread that calls these. 0 or a positive errno.
  [[nodiscard]] int HearEntries(bool heard);
  // Has an event told (kMarkEvent) behind everything that is queued at this moment. From any thread, after Start.
  void Mark();
  // Ends and waits for the thread. What `deliver` may be blocked in has to be released before. May be called twice.
  void Stop();

 private:
  void Loop();
  // Appends what is queued, up to a bound. False: the socket is of no use any more, and the last event says so.
  [[nodiscard]] bool Read(std::vector<uint8_t>* events);
  // Tells the second overrun, if one is due.
  void EndCongestion(std::vector<uint8_t>* events);
  // Tells the marks that were asked for before the queue was empty.
  void TellMarks(std::vector<uint8_t>* events);

  Connection connection_;
  uint32_t ignored_port_ = 0;
  // Set from ENOBUFS until the queue has certainly been empty: bytes read since.
  std::optional<size_t> congested_;
  // Asked for by Mark(), and taken by the thread: how many, and bytes read since the last was taken.
  std::atomic<uint32_t> asked_marks_{0};
  uint32_t marks_ = 0;
  size_t since_mark_ = 0;
  std::function<void(Bytes datagram, std::vector<uint8_t>* events)> append_;
  Thread thread_;
  Deliver deliver_;
};

// Appends the events of one datagram. A message that does not decode becomes an overrun that names its type: something
// was not understood, so only a dump tells. Pure.
void AppendEvents(Bytes datagram, std::vector<uint8_t>* events);

// The datagram as it is, behind a header that says its length; padded, so that what follows is aligned. Pure.
void AppendRaw(Bytes datagram, std::vector<uint8_t>* events);

// The same of nftables: a bare event with the index of each of `watched` that was touched, once in `events` however often it
// was; a message that does not decode becomes an overrun. Pure.
void AppendTouched(Bytes datagram, std::span<const nft::Watched> watched, std::vector<uint8_t>* events);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_MONITOR_H_
