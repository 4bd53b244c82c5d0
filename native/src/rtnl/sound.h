// What a record that JavaScript wrote may say: a fault of ours there must not become a request for something else. Pure.
// Must not: know what the kernel would say to it.
#ifndef VTEPD_RTNL_SOUND_H_
#define VTEPD_RTNL_SOUND_H_

#include <array>
#include <cstdint>

#include "rtnl/ip.h"
#include "rtnl/records.h"

namespace vtepd::rtnl {

// The kernel's are positive numbers of type int.
[[nodiscard]] constexpr bool IsIfindex(uint32_t value) { return value >= 1 && value <= INT32_MAX; }

[[nodiscard]] constexpr bool IsIfindexOrNone(uint32_t value) { return value <= INT32_MAX; }

template <size_t kSize>
[[nodiscard]] bool Terminated(const std::array<char, kSize>& text) {
  return text.back() == '\0';
}

// Whether `address` is one of the family and has no bit behind the first `length`.
[[nodiscard]] inline bool IsNetwork(uint8_t family, const Address16& address, uint8_t length) {
  const size_t bytes = AddressBytes(family);
  if (bytes == 0 || length > 8 * bytes) return false;
  for (size_t bit = length; bit < 8 * bytes; ++bit)
    if ((address[bit / 8] & (0x80 >> (bit % 8))) != 0) return false;
  return true;
}

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_SOUND_H_
