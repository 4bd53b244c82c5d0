#include "sock/transaction.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>

#include "nl/error.h"
#include "nl/message.h"
#include "rtnl/decode.h"
#include "rtnl/link.h"

namespace vtepd::sock {

namespace {

constexpr size_t kLargestRequest = size_t{1} << 20;

// Encodes into the send buffer, which grows until the request fits, and sends.
Outcome SendRequest(Connection* connection, const Encoder& encode, uint32_t sequence) {
  if (connection->leftovers) connection->Drain();
  auto& buffer = connection->send_buffer();
  while (true) {
    SpanWriter writer(buffer);
    const rtnl::Encoded encoded = encode(&writer, sequence);
    if (encoded == rtnl::Encoded::kOk) {
      const int error = connection->Send(writer.written());
      return error == 0 ? Outcome{} : Outcome::Socket(error, "send");
    }
    if (encoded == rtnl::Encoded::kCannot) return Outcome::Socket(EINVAL, "no message can say this");
    if (buffer.size() >= kLargestRequest) return Outcome::Socket(EMSGSIZE, "the request is too large");
    buffer.resize(buffer.size() * 2);
  }
}

// Hands every message that answers `sequence` to `take` until it returns an outcome. Answers to earlier requests, which
// timed out, are passed over. `broken` says what follows from a datagram whose framing is broken, of which the messages
// before the break have been handed over; nullopt: reading on.
template <typename Take, typename Broken>
Outcome Await(Connection* connection, uint32_t sequence, Take take, Broken broken) {
  connection->leftovers = true;
  while (true) {
    const Received received = connection->Receive();
    if (received.error == ENOBUFS) {
      if (std::optional<Outcome> outcome = take(nullptr)) return *std::move(outcome);
      continue;
    }
    if (received.error != 0) return Outcome::Socket(received.error, "receive");
    nl::MessageReader reader(received.datagram);
    while (const auto message = reader.Next()) {
      if (message->header.nlmsg_seq != sequence) continue;
      if (std::optional<Outcome> outcome = take(&*message)) {
        connection->leftovers = false;
        return *std::move(outcome);
      }
    }
    if (!reader.malformed()) continue;
    if (std::optional<Outcome> outcome = broken(received.datagram.size())) return *std::move(outcome);
  }
}

std::optional<Outcome> FailOnBrokenFrame(size_t) {
  return Outcome::Protocol("a datagram does not hold whole messages");
}

Outcome FromVerdict(std::optional<nl::Verdict> verdict) {
  if (!verdict) return Outcome::Protocol("an acknowledgement does not decode");
  return verdict->error == 0 ? Outcome{} : Outcome::Refused(*std::move(verdict));
}

bool EndsAnswer(const nl::Message& message) {
  return message.header.nlmsg_type == NLMSG_ERROR || message.header.nlmsg_type == NLMSG_DONE;
}

// Every fixed part of rtnetlink begins with the family (struct rtgenmsg). What has none is left to its decoder.
bool Answers(const DumpQuestion& question, const nl::Message& message) {
  if (message.header.nlmsg_type != question.type) return false;
  return question.family == AF_UNSPEC || message.payload.empty() || message.payload[0] == question.family;
}

// One attempt. `interrupted`: the kernel says so, or messages were lost.
Outcome DumpOnce(Connection* connection, const DumpQuestion& question, DumpResult* result) {
  *result = {};
  const uint32_t sequence = connection->TakeSequences(1);
  if (Outcome sent = SendRequest(connection, question.encode, sequence); !sent.done()) return sent;
  const auto pass_over = [&](std::string what) {
    if (result->unreadable.count++ == 0) result->unreadable.first = std::move(what);
  };
  const auto take = [&](const nl::Message* message) -> std::optional<Outcome> {
    if (message == nullptr) {
      result->interrupted = true;
      return std::nullopt;
    }
    if ((message->header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) result->interrupted = true;
    if (EndsAnswer(*message)) return FromVerdict(nl::DecodeVerdict(*message));
    if (!Answers(question, *message)) return std::nullopt;
    std::visit(
        [&](const auto& record) {
          using T = std::decay_t<decltype(record)>;
          if constexpr (std::is_same_v<T, rtnl::Entry>) {
            if (question.ifindex != 0 && record.ifindex != question.ifindex) return;
          }
          if constexpr (std::is_same_v<T, rtnl::LinkRecord>)
            rtnl::AppendAltnames(*message, record.ifindex, &result->altnames);
          if constexpr (std::is_same_v<T, rtnl::Malformed>) {
            pass_over(rtnl::Describe(*message));
          } else if constexpr (!std::is_same_v<T, rtnl::Skipped>) {
            const auto* bytes = reinterpret_cast<const uint8_t*>(&record);
            result->records.insert(result->records.end(), bytes, bytes + sizeof(T));
          }
        },
        rtnl::Decode(*message));
    return std::nullopt;
  };
  return Await(connection, sequence, take, [&](size_t size) -> std::optional<Outcome> {
    pass_over("a datagram of " + std::to_string(size) + " bytes that does not hold whole messages");
    return std::nullopt;
  });
}

// `message` with the header that this transaction gives it.
Encoder Copy(Bytes message, bool dump) {
  return [message, dump](SpanWriter* out, uint32_t sequence) {
    nlmsghdr header{};
    std::memcpy(&header, message.data(), sizeof(header));
    header.nlmsg_flags = static_cast<uint16_t>(header.nlmsg_flags | NLM_F_REQUEST | (dump ? 0 : NLM_F_ACK));
    header.nlmsg_seq = sequence;
    header.nlmsg_pid = 0;
    out->Put(header);
    out->PutBytes(message.subspan(sizeof(header)));
    return out->fits() ? rtnl::Encoded::kOk : rtnl::Encoded::kDoesNotFit;
  };
}

bool IsRequest(Bytes message) {
  nlmsghdr header{};
  if (message.size() < sizeof(header)) return false;
  std::memcpy(&header, message.data(), sizeof(header));
  return header.nlmsg_len == message.size() && header.nlmsg_type >= NLMSG_MIN_TYPE;
}

Outcome TransactOnce(Connection* connection, const Encoder& encode, RawResult* result) {
  *result = {};
  const uint32_t sequence = connection->TakeSequences(1);
  if (Outcome sent = SendRequest(connection, encode, sequence); !sent.done()) return sent;
  const auto take = [&](const nl::Message* message) -> std::optional<Outcome> {
    if (message == nullptr) {
      result->interrupted = true;
      return std::nullopt;
    }
    if ((message->header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) result->interrupted = true;
    if (EndsAnswer(*message)) return FromVerdict(nl::DecodeVerdict(*message));
    const auto* header = reinterpret_cast<const uint8_t*>(&message->header);
    auto& messages = result->messages;
    messages.insert(messages.end(), header, header + sizeof(message->header));
    messages.insert(messages.end(), message->payload.begin(), message->payload.end());
    messages.resize(NLMSG_ALIGN(messages.size()));
    return std::nullopt;
  };
  return Await(connection, sequence, take, FailOnBrokenFrame);
}

}  // namespace

Outcome Transact(Connection* connection, Bytes message, bool dump, RawResult* result) {
  if (!IsRequest(message)) return Outcome::Socket(EINVAL, "these bytes are no request");
  const int64_t until = NowMs() + kDumpPatienceMs;
  for (int attempt = 1;; ++attempt) {
    Outcome outcome = TransactOnce(connection, Copy(message, dump), result);
    if (!dump && outcome.done() && result->interrupted) return Outcome::Socket(ENOBUFS, "the answer was lost");
    if (!outcome.done() || !result->interrupted || attempt == kDumpAttempts || NowMs() >= until) return outcome;
  }
}

Outcome Request(Connection* connection, const Encoder& encode) {
  const uint32_t sequence = connection->TakeSequences(1);
  if (Outcome sent = SendRequest(connection, encode, sequence); !sent.done()) return sent;
  const auto take = [](const nl::Message* message) -> std::optional<Outcome> {
    if (message == nullptr) return Outcome::Socket(ENOBUFS, "the answer was lost");
    if (message->header.nlmsg_type != NLMSG_ERROR) return std::nullopt;
    return FromVerdict(nl::DecodeVerdict(*message));
  };
  return Await(connection, sequence, take, FailOnBrokenFrame);
}

Outcome Resolve(Connection* connection, const rtnl::QueryRecord& query, rtnl::ResolvedRecord* resolved) {
  const uint32_t sequence = connection->TakeSequences(1);
  const Encoder encode = [&](SpanWriter* out, uint32_t number) {
    return rtnl::EncodeResolveRoute(out, number, query);
  };
  if (Outcome sent = SendRequest(connection, encode, sequence); !sent.done()) return sent;
  const auto take = [&](const nl::Message* message) -> std::optional<Outcome> {
    if (message == nullptr) return Outcome::Socket(ENOBUFS, "the answer was lost");
    if (EndsAnswer(*message)) {
      Outcome outcome = FromVerdict(nl::DecodeVerdict(*message));
      return outcome.done() ? Outcome::Protocol("a route query was acknowledged and not answered") : outcome;
    }
    const auto answer = rtnl::DecodeResolvedRoute(*message);
    if (!answer) return Outcome::Protocol("the answer to a route query does not decode");
    *resolved = *answer;
    return Outcome{};
  };
  return Await(connection, sequence, take, FailOnBrokenFrame);
}

Outcome Dump(Connection* connection, const DumpQuestion& question, DumpResult* result) {
  const int64_t until = NowMs() + kDumpPatienceMs;
  for (int attempt = 1;; ++attempt) {
    Outcome outcome = DumpOnce(connection, question, result);
    if (!outcome.done() || !result->interrupted || attempt == kDumpAttempts || NowMs() >= until) return outcome;
  }
}

}  // namespace vtepd::sock
