#include "sock/batch.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "nl/error.h"
#include "nl/message.h"
#include "rtnl/entry.h"

namespace vtepd::sock {

namespace {

constexpr size_t kBytesOfRefusal = 1024;
constexpr size_t kLargestChunk = 256;

// The state of one ApplyBatch.
class Batch {
 public:
  Batch(Connection* connection, Bytes entries, BatchResult* result)
      : connection_(connection), entries_(entries), count_(entries.size() / sizeof(rtnl::Entry)), result_(result) {
    result_->errnos.assign(count_, kUnknown);
    first_sequence_ = connection_->TakeSequences(static_cast<uint32_t>(count_));
  }

  Outcome Run(size_t chunk_entries) {
    if (connection_->leftovers) connection_->Drain();
    for (size_t next = 0; next < count_;) {
      const size_t start = next;
      const size_t bytes = Encode(chunk_entries, &next);
      if (bytes == 0) continue;
      if (const int error = connection_->Send(Bytes(connection_->send_buffer()).first(bytes)); error != 0)
        return Outcome::Socket(error, "send");
      bool timed_out = false;
      if (Outcome outcome = Await(start, next, &timed_out); !outcome.done()) return outcome;
      if (timed_out) return {};
    }
    return {};
  }

 private:
  // Fills the send buffer with messages of entries from `*next` on, and asks for an acknowledgement of the last. Returns
  // the bytes to send; 0 when none of the entries passed can be sent at all.
  size_t Encode(size_t chunk_entries, size_t* next) {
    auto& buffer = connection_->send_buffer();
    size_t used = 0;
    size_t last_message = 0;
    for (size_t taken = 0; taken < chunk_entries && *next < count_; ++taken, ++*next) {
      rtnl::Entry entry;
      std::memcpy(&entry, entries_.data() + *next * sizeof(entry), sizeof(entry));
      SpanWriter writer(std::span<uint8_t>(buffer).subspan(used));
      rtnl::Encoded encoded = rtnl::EncodeEntry(&writer, SequenceOf(*next), 0, entry);
      while (encoded == rtnl::Encoded::kDoesNotFit && used == 0) {
        buffer.resize(buffer.size() * 2);
        writer = SpanWriter(buffer);
        encoded = rtnl::EncodeEntry(&writer, SequenceOf(*next), 0, entry);
      }
      if (encoded == rtnl::Encoded::kDoesNotFit) break;
      if (encoded == rtnl::Encoded::kCannot) {
        Fail(*next, EINVAL, "not sent: the entry has no operation, kind or family, or more than a batch can write");
        continue;
      }
      last_message = used;
      last_sent_ = *next;
      used += writer.size();
    }
    if (used > 0) {
      uint16_t flags = 0;
      uint8_t* const at = buffer.data() + last_message + offsetof(nlmsghdr, nlmsg_flags);
      std::memcpy(&flags, at, sizeof(flags));
      flags = static_cast<uint16_t>(flags | NLM_F_ACK);
      std::memcpy(at, &flags, sizeof(flags));
    }
    return used;
  }

  // Reads until the last message of the chunk is answered. All answers were queued before Send() returned, so once the
  // queue has overrun and is empty nothing more will come.
  Outcome Await(size_t start, size_t end, bool* timed_out) {
    bool overrun = false;
    while (true) {
      const Received received = overrun ? connection_->Receive(0) : connection_->Receive();
      if (received.error == ENOBUFS) {
        overrun = true;
        continue;
      }
      if (received.error == ETIMEDOUT) {
        *timed_out = !overrun;
        connection_->leftovers = !overrun;
        return {};
      }
      if (received.error != 0) return Outcome::Socket(received.error, "receive");
      nl::MessageReader reader(received.datagram);
      while (const auto message = reader.Next()) {
        const size_t index = message->header.nlmsg_seq - first_sequence_;
        if (message->header.nlmsg_type != NLMSG_ERROR || index < start || index >= end) continue;
        auto verdict = nl::DecodeVerdict(*message);
        if (!verdict) return Outcome::Protocol("an acknowledgement does not decode");
        if (verdict->error != 0) Fail(index, verdict->error, std::move(verdict->text));
        if (index == last_sent_ && !overrun) {
          std::replace(result_->errnos.begin() + Offset(start), result_->errnos.begin() + Offset(end), kUnknown, 0);
          return {};
        }
      }
      if (reader.malformed()) return Outcome::Protocol("a datagram does not hold whole messages");
    }
  }

  void Fail(size_t index, int error, std::string text) {
    result_->errnos[index] = error;
    const auto [at, is_new] = text_index_.try_emplace(std::move(text), static_cast<uint32_t>(result_->texts.size()));
    if (is_new) result_->texts.push_back(at->first);
    result_->failed.push_back(static_cast<uint32_t>(index));
    result_->failed_text.push_back(at->second);
  }

  [[nodiscard]] uint32_t SequenceOf(size_t index) const { return first_sequence_ + static_cast<uint32_t>(index); }
  static ptrdiff_t Offset(size_t index) { return static_cast<ptrdiff_t>(index); }

  Connection* connection_;
  Bytes entries_;
  size_t count_;
  BatchResult* result_;
  uint32_t first_sequence_ = 0;
  size_t last_sent_ = 0;
  // A thousand refusals mostly say one thing.
  std::unordered_map<std::string, uint32_t> text_index_;
};

}  // namespace

size_t DefaultChunk(int actual_receive_buffer) {
  const size_t holds = static_cast<size_t>(std::max(actual_receive_buffer, 0)) / kBytesOfRefusal;
  return std::clamp(holds, size_t{1}, kLargestChunk);
}

Outcome ApplyBatch(Connection* connection, Bytes entries, size_t chunk_entries, BatchResult* result) {
  return Batch(connection, entries, result).Run(std::max(chunk_entries, size_t{1}));
}

}  // namespace vtepd::sock
