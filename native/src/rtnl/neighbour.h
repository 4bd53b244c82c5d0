// The requests of neighbour and FDB entries, for EncodeEntry alone.
#ifndef VTEPD_RTNL_NEIGHBOUR_H_
#define VTEPD_RTNL_NEIGHBOUR_H_

#include "base/span_writer.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

[[nodiscard]] Encoded EncodeNeighbour(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry);
[[nodiscard]] Encoded EncodeFdb(SpanWriter* out, uint32_t sequence, uint16_t flags, const Entry& entry);

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_NEIGHBOUR_H_
