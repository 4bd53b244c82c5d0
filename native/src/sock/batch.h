// Batches: many entries, few system calls, one acknowledgement a chunk. The kernel reports each refused message by its
// sequence number and says nothing of the others. Must not: reorder, retry or stop at a refusal.
#ifndef VTEPD_SOCK_BATCH_H_
#define VTEPD_SOCK_BATCH_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/span_reader.h"
#include "sock/connection.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// The answer was lost: only a dump tells what became of the entry.
inline constexpr int32_t kUnknown = -1;

struct BatchResult {
  // One an entry: 0, a positive errno, or kUnknown.
  std::vector<int32_t> errnos;
  // Of the refused entries, in the order in which the kernel named them: index, and which of `texts` was said.
  std::vector<uint32_t> failed;
  std::vector<uint32_t> failed_text;
  std::vector<std::string> texts;
};

// Entries that may fail in one chunk without a lost acknowledgement: each refusal takes 832 to 960 bytes of the receive
// buffer, by kernel (measured: 212,992 bytes hold 256 on Linux 6.18, 221 on 6.12). At least 1, at most 256; more brings nothing.
[[nodiscard]] size_t DefaultChunk(int actual_receive_buffer);

// Sends the `entries` (records of rtnl::Entry, back to back) in order. kDone also where entries failed; kSocket when the
// socket is of no use any more. A time-out leaves kUnknown on every entry from that chunk on.
[[nodiscard]] Outcome ApplyBatch(Connection* connection, Bytes entries, size_t chunk_entries, BatchResult* result);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_BATCH_H_
