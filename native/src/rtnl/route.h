// Routes beyond the entry: the batch request (for EncodeEntry alone) and "which route reaches X". Pure.
#ifndef VTEPD_RTNL_ROUTE_H_
#define VTEPD_RTNL_ROUTE_H_

#include <optional>

#include "base/span_writer.h"
#include "nl/message.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

[[nodiscard]] Encoded EncodeRoute(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry);

// RTM_GETROUTE for one destination, answered as the rules and all tables have it.
[[nodiscard]] Encoded EncodeResolveRoute(SpanWriter* out, uint32_t sequence, const QueryRecord& query);
// The RTM_NEWROUTE that answers a query. nullopt: malformed.
[[nodiscard]] std::optional<ResolvedRecord> DecodeResolvedRoute(const nl::Message& message);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_ROUTE_H_
