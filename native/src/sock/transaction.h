// Single requests and dumps. Must not: retry a request; only a dump, which changes nothing, is repeated.
#ifndef VTEPD_SOCK_TRANSACTION_H_
#define VTEPD_SOCK_TRANSACTION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/span_writer.h"
#include "rtnl/records.h"
#include "rtnl/route.h"
#include "sock/connection.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// Writes one request with the given sequence number.
using Encoder = std::function<rtnl::Encoded(SpanWriter*, uint32_t)>;

// Sends one request with NLM_F_ACK and waits for its answer.
[[nodiscard]] Outcome Request(Connection* connection, const Encoder& encode);

// "Which route reaches X": the answer is a message, not an acknowledgement.
[[nodiscard]] Outcome Resolve(Connection* connection, const rtnl::QueryRecord& query, rtnl::ResolvedRecord* resolved);

// How often a dump is taken before it is handed over as interrupted, and milliseconds from its begin after which it is not
// taken again: what waits behind a table that never comes to rest may be urgent.
inline constexpr int kDumpAttempts = 5;
inline constexpr int64_t kDumpPatienceMs = 100;

// What of a dump did not decode and was passed over.
struct Unreadable {
  uint32_t count = 0;
  // The first of them, for a person (rtnl::Describe); empty when there is none.
  std::string first;
};

struct DumpResult {
  // Records of one type, back to back.
  std::vector<uint8_t> records;
  // NLM_F_DUMP_INTR was set in every attempt: something may be missing or twice.
  bool interrupted = false;
  Unreadable unreadable;
  // Of links: rtnl::AltnameRecord, back to back.
  std::vector<uint8_t> altnames;
};

// A dump, and what answers it. A kernel without IPv6 (ipv6.disable=1) answers for every family it has, and one that does not
// filter by link for every link: what was not asked for is dropped.
struct DumpQuestion {
  Encoder encode;
  // RTM_NEW*
  uint16_t type;
  // AF_*; AF_UNSPEC: every family.
  uint8_t family = 0;
  // Of neighbours and FDB entries; 0: every link.
  uint32_t ifindex = 0;
};

// One message that does not decode costs that message alone: the rest of the dump is read.
[[nodiscard]] Outcome Dump(Connection* connection, const DumpQuestion& question, DumpResult* result);

// What a message brought that its sender understands and we do not.
struct RawResult {
  // Whole messages, back to back, each aligned: all that answer, less the acknowledgement that ends them.
  std::vector<uint8_t> messages;
  bool interrupted = false;
};

// Sends one whole message as it is, but for its sequence number and NLM_F_REQUEST, and NLM_F_ACK where it is no dump. A dump
// is repeated as Dump() repeats one. EINVAL for what is no message, or one of netlink's own. What has come when the socket
// fails is in `result`.
[[nodiscard]] Outcome Transact(Connection* connection, Bytes message, bool dump, RawResult* result);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_TRANSACTION_H_
