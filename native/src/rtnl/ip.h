// IP addresses between attributes and records. Pure. Must not: know what an address is for.
#ifndef VTEPD_RTNL_IP_H_
#define VTEPD_RTNL_IP_H_

#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/span_reader.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

// 4 for AF_INET, 16 for AF_INET6, 0 for everything else.
[[nodiscard]] constexpr size_t AddressBytes(uint8_t family) {
  if (family == AF_INET) return 4;
  return family == AF_INET6 ? 16 : 0;
}

// False, and `out` untouched, when the value has not the length of the family's addresses.
[[nodiscard]] inline bool CopyAddress(uint8_t family, Bytes value, Address16* out) {
  if (AddressBytes(family) == 0 || value.size() != AddressBytes(family)) return false;
  *out = {};
  std::copy(value.begin(), value.end(), out->begin());
  return true;
}

// The bytes of `address` that count; the family must be AF_INET or AF_INET6.
[[nodiscard]] inline Bytes AddressSpan(uint8_t family, const Address16& address) {
  return Bytes(address).first(AddressBytes(family));
}

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_IP_H_
