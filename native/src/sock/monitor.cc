#include "sock/monitor.h"

#include <cerrno>
#include <type_traits>
#include <utility>

#include "nl/message.h"
#include "rtnl/decode.h"
#include "sock/message_filter.h"

namespace vtepd::sock {

namespace {

// One delivery, some 300 entries; with what is in the kernel's buffer it bounds the memory that a blocked reader costs. What
// JavaScript makes of one is garbage when the next comes: more at once would outlive V8's young generation.
constexpr size_t kLargestDelivery = size_t{16} * 1024;
// What is read without telling anything of it: news that nobody asked for must not delay those that somebody did.
constexpr size_t kLargestSilence = size_t{1} << 20;

template <typename T>
void Append(const T& value, std::vector<uint8_t>* out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out->insert(out->end(), bytes, bytes + sizeof(T));
}

void AppendBare(rtnl::EventType type, uint32_t value, std::vector<uint8_t>* events) {
  Append(rtnl::EventHeader{type, rtnl::kSet, 0, value}, events);
}

template <typename Record>
constexpr rtnl::EventType TypeOf() {
  if constexpr (std::is_same_v<Record, rtnl::LinkRecord>) return rtnl::kLinkEvent;
  if constexpr (std::is_same_v<Record, rtnl::AddressRecord>) return rtnl::kAddressEvent;
  return rtnl::kEntryEvent;
}

}  // namespace

Outcome Monitor::Open(const Netns& netns, const MonitorOptions& options) {
  // The filter stands before the socket joins a group, so that no message slips through.
  if (Outcome opened = connection_.Open(netns, options.connection); !opened.done()) return opened;
  ignored_port_ = options.ignored_port;
  append_ = options.append ? options.append : AppendEvents;
  if (const int error = HearEntries(true); error != 0) return Outcome::Socket(error, "SO_ATTACH_FILTER");
  for (const unsigned group : options.groups)
    if (const int error = connection_.Join(group); error != 0) return Outcome::Socket(error, "NETLINK_ADD_MEMBERSHIP");
  return {};
}

int Monitor::Start(Deliver deliver) {
  deliver_ = std::move(deliver);
  return thread_.Start([this] { Loop(); });
}

int Monitor::HearEntries(bool heard) {
  if (!heard) return AttachEntryFilter(connection_.fd());
  return ignored_port_ == 0 ? DetachFilter(connection_.fd()) : AttachOwnMessageFilter(connection_.fd(), ignored_port_);
}

void Monitor::Mark() {
  asked_marks_.fetch_add(1, std::memory_order_acq_rel);
  connection_.Interrupt();
}

void Monitor::Stop() {
  connection_.Cancel();
  thread_.Join();
  connection_.Dispose();
}

void Monitor::Loop() {
  for (bool alive = true; alive;) {
    std::vector<uint8_t> events;
    // In this order: a mark that comes between the two is taken here, or ends the next wait.
    connection_.Resume();
    if (const uint32_t asked = asked_marks_.exchange(0, std::memory_order_acq_rel); asked != 0) {
      marks_ += asked;
      since_mark_ = 0;
    }
    alive = Read(&events);
    if (connection_.ended()) return;
    if (!events.empty() && !deliver_(std::move(events))) return;
  }
}

bool Monitor::Read(std::vector<uint8_t>* events) {
  int wait = congested_ || marks_ != 0 ? 0 : Connection::kForever;
  for (size_t read = 0; events->size() < kLargestDelivery && read < kLargestSilence;) {
    const Received received = connection_.Receive(wait);
    if (received.error == ETIMEDOUT) {
      EndCongestion(events);
      TellMarks(events);
      return true;
    }
    // A mark is asked for: Loop() takes it.
    if (received.error == ECANCELED && !connection_.ended()) return true;
    if (received.error == ENOBUFS) {
      AppendBare(rtnl::kOverrunEvent, 0, events);
      congested_ = 0;
    } else if (received.error != 0) {
      AppendBare(rtnl::kClosedEvent, static_cast<uint32_t>(received.error), events);
      return false;
    } else {
      read += received.datagram.size();
      append_(received.datagram, events);
      since_mark_ += received.datagram.size();
      if (congested_) *congested_ += received.datagram.size();
      // Under steady news the queue may never be seen empty. It held at most its size and one message when it overflowed,
      // and took nothing in before it was empty: whoever has read more than that has read what came later.
      const size_t all = 2 * static_cast<size_t>(connection_.actual_receive_buffer());
      if (congested_ && *congested_ > all) EndCongestion(events);
      if (since_mark_ > all) TellMarks(events);
    }
    wait = 0;
  }
  return true;
}

void Monitor::EndCongestion(std::vector<uint8_t>* events) {
  if (congested_) AppendBare(rtnl::kOverrunEvent, 0, events);
  congested_.reset();
}

void Monitor::TellMarks(std::vector<uint8_t>* events) {
  if (marks_ != 0) AppendBare(rtnl::kMarkEvent, marks_, events);
  marks_ = 0;
}

void AppendEvents(Bytes datagram, std::vector<uint8_t>* events) {
  nl::MessageReader reader(datagram);
  while (const auto message = reader.Next()) {
    const rtnl::EventAction action = rtnl::IsDeletion(*message) ? rtnl::kDeleted : rtnl::kSet;
    std::visit(
        [&](const auto& record) {
          using T = std::decay_t<decltype(record)>;
          if constexpr (std::is_same_v<T, rtnl::Malformed>) {
            AppendBare(rtnl::kOverrunEvent, message->header.nlmsg_type, events);
          } else if constexpr (std::is_same_v<T, rtnl::RuleRecord>) {
            // Who is concerned looks at all of them: their order decides.
            Append(rtnl::EventHeader{rtnl::kRuleEvent, action, 0, message->header.nlmsg_pid}, events);
          } else if constexpr (!std::is_same_v<T, rtnl::Skipped>) {
            Append(rtnl::EventHeader{TypeOf<T>(), action, 0, message->header.nlmsg_pid}, events);
            Append(record, events);
          }
        },
        rtnl::Decode(*message));
  }
  if (reader.malformed()) AppendBare(rtnl::kOverrunEvent, rtnl::kBrokenFrame, events);
}

void AppendRaw(Bytes datagram, std::vector<uint8_t>* events) {
  AppendBare(rtnl::kRawEvent, static_cast<uint32_t>(datagram.size()), events);
  events->insert(events->end(), datagram.begin(), datagram.end());
  events->resize(NLMSG_ALIGN(events->size()));
}

void AppendTouched(Bytes datagram, std::span<const nft::Watched> watched, std::vector<uint8_t>* events) {
  // All of them are bare: some ten at most, as many as are watched, and an overrun or two.
  const auto append = [events](rtnl::EventType type, uint32_t value) {
    for (SpanReader reader(*events); !reader.empty();) {
      const auto header = reader.Read<rtnl::EventHeader>();
      if (header.type == type && header.value == value) return;
    }
    AppendBare(type, value, events);
  };
  const bool readable = nft::EachTouched(
      datagram, watched, [&](size_t index) { append(rtnl::kTouchedEvent, static_cast<uint32_t>(index)); });
  if (!readable) append(rtnl::kOverrunEvent, rtnl::kBrokenFrame);
}

}  // namespace vtepd::sock
