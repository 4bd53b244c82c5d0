#include "sock/fdb_lookup.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "nl/error.h"
#include "nl/message.h"
#include "rtnl/decode.h"
#include "rtnl/entry.h"

namespace vtepd::sock {

namespace {

// The state of one GetFdb.
class Lookup {
 public:
  Lookup(Connection* connection, Bytes entries, std::vector<uint8_t>* found)
      : connection_(connection), entries_(entries), count_(entries.size() / sizeof(rtnl::Entry)), found_(found) {}

  Outcome Run(size_t chunk_entries) {
    if (connection_->leftovers) connection_->Drain();
    for (size_t next = 0; next < count_;) {
      bool lost = false;
      const size_t asked = std::min(chunk_entries, count_ - next);
      if (Outcome outcome = Ask(next, asked, &lost); !outcome.done()) return outcome;
      if (!lost) {
        next += asked_;
        continue;
      }
      if (asked_ <= 1) return Outcome::Socket(ENOBUFS, "the answer was lost");
      chunk_entries = asked_ / 2;
    }
    return {};
  }

 private:
  // Asks for at most `count` entries from `start` on, as many as fit the buffer (asked_), and takes the answers.
  Outcome Ask(size_t start, size_t count, bool* lost) {
    const uint32_t first_sequence = connection_->TakeSequences(0);
    auto& buffer = connection_->send_buffer();
    size_t used = 0;
    for (asked_ = 0; asked_ < count;) {
      rtnl::Entry entry;
      std::memcpy(&entry, entries_.data() + (start + asked_) * sizeof(entry), sizeof(entry));
      SpanWriter writer(std::span<uint8_t>(buffer).subspan(used));
      const auto encoded = rtnl::EncodeGetFdb(&writer, first_sequence + static_cast<uint32_t>(asked_), entry);
      if (encoded == rtnl::Encoded::kCannot) return Outcome::Socket(EINVAL, "an entry to look up is no FDB entry");
      if (encoded == rtnl::Encoded::kDoesNotFit) {
        if (used > 0) break;
        buffer.resize(buffer.size() * 2);
        continue;
      }
      used += writer.size();
      ++asked_;
    }
    connection_->TakeSequences(static_cast<uint32_t>(asked_));
    if (const int error = connection_->Send(Bytes(buffer).first(used)); error != 0) return Outcome::Socket(error, "send");
    return Await(first_sequence, lost);
  }

  // Every question has exactly one answer, queued before Send() returned: once the queue has overrun and is empty nothing
  // more will come.
  Outcome Await(uint32_t first_sequence, bool* lost) {
    answers_.assign(asked_, std::nullopt);
    connection_->leftovers = true;
    std::optional<Outcome> refusal;
    for (size_t answered = 0; answered < asked_;) {
      const Received received = *lost ? connection_->Receive(0) : connection_->Receive();
      if (received.error == ENOBUFS) {
        *lost = true;
        continue;
      }
      if (received.error == ETIMEDOUT && *lost) break;
      if (received.error != 0) return Outcome::Socket(received.error, "receive");
      nl::MessageReader reader(received.datagram);
      while (const auto message = reader.Next()) {
        const size_t index = message->header.nlmsg_seq - first_sequence;
        if (index >= asked_) continue;
        ++answered;
        if (Outcome outcome = Take(*message, index); !outcome.done() && !refusal) refusal = std::move(outcome);
      }
      if (reader.malformed()) return Outcome::Protocol("a datagram does not hold whole messages");
    }
    connection_->leftovers = false;
    if (refusal) return *std::move(refusal);
    if (!*lost) Keep();
    return {};
  }

  Outcome Take(const nl::Message& message, size_t index) {
    if (message.header.nlmsg_type == NLMSG_ERROR) {
      auto verdict = nl::DecodeVerdict(message);
      if (!verdict) return Outcome::Protocol("an acknowledgement does not decode");
      return verdict->error == ENOENT || verdict->error == 0 ? Outcome{} : Outcome::Refused(*std::move(verdict));
    }
    const rtnl::Decoded decoded = rtnl::Decode(message);
    const auto* entry = std::get_if<rtnl::Entry>(&decoded);
    if (entry == nullptr || entry->kind != rtnl::kFdb) return Outcome::Protocol(rtnl::Describe(message));
    answers_[index] = *entry;
    return {};
  }

  void Keep() {
    for (const auto& answer : answers_) {
      if (!answer) continue;
      const auto* bytes = reinterpret_cast<const uint8_t*>(&*answer);
      found_->insert(found_->end(), bytes, bytes + sizeof(*answer));
    }
  }

  Connection* connection_;
  Bytes entries_;
  size_t count_;
  std::vector<uint8_t>* found_;
  size_t asked_ = 0;
  std::vector<std::optional<rtnl::Entry>> answers_;
};

}  // namespace

Outcome GetFdb(Connection* connection, Bytes entries, size_t chunk_entries, std::vector<uint8_t>* found) {
  return Lookup(connection, entries, found).Run(std::max(chunk_entries, size_t{1}));
}

}  // namespace vtepd::sock
