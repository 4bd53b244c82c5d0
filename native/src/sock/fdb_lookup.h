// Single FDB entries, asked for by the thousand: many questions, few system calls, an answer for each. Where a dump walks a
// table that somebody else writes and may miss what never changed, a question about one entry is answered under its lock.
// Must not: judge an absence.
#ifndef VTEPD_SOCK_FDB_LOOKUP_H_
#define VTEPD_SOCK_FDB_LOOKUP_H_

#include <cstdint>
#include <vector>

#include "base/span_reader.h"
#include "sock/connection.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// Of each of `entries` (records of rtnl::Entry, back to back) the link and lladdr count. Appends to `found`, in their order,
// those that exist, as the kernel has them. kRefused at the first refusal other than ENOENT; then `found` says nothing.
// A chunk of which an answer was lost is asked again, in halves: at most `chunk_entries` are under way at a time.
[[nodiscard]] Outcome GetFdb(Connection* connection, Bytes entries, size_t chunk_entries, std::vector<uint8_t>* found);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_FDB_LOOKUP_H_
