// Routes beyond the entry: the batch request (for EncodeEntry alone) and "which route reaches X". Pure.
#ifndef VTEPD_RTNL_ROUTE_H_
#define VTEPD_RTNL_ROUTE_H_

#include <optional>

#include "base/span_writer.h"
#include "nl/message.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

[[nodiscard]] Encoded EncodeRoute(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry);

// RTM_GETROUTE for one destination; `has_source` and a non-zero `oif` narrow it. All addresses are of `family`.
struct RouteQuery {
  uint8_t family;
  bool has_source;
  uint32_t oif;
  Address16 dst;
  Address16 source;
};
[[nodiscard]] Encoded EncodeResolveRoute(SpanWriter* out, uint32_t sequence, const RouteQuery& query);
// The RTM_NEWROUTE that answers a query. nullopt: malformed, or an answer that names no output link.
[[nodiscard]] std::optional<ResolvedRecord> DecodeResolvedRoute(const nl::Message& message);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_ROUTE_H_
