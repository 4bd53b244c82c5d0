// Short ways to write addresses and records in tests.
#ifndef VTEPD_TEST_SAMPLES_H_
#define VTEPD_TEST_SAMPLES_H_

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "rtnl/records.h"

namespace vtepd::test {

inline rtnl::Address16 Ip(const char* text) {
  rtnl::Address16 address{};
  if (inet_pton(AF_INET, text, address.data()) != 1) inet_pton(AF_INET6, text, address.data());
  return address;
}

// As an entry holds it: six bytes, the rest zero.
inline rtnl::Address16 Lladdr16(std::initializer_list<uint8_t> bytes) {
  rtnl::Address16 address{};
  std::copy(bytes.begin(), bytes.end(), address.begin());
  return address;
}

inline std::array<char, 16> Name(const char* text) {
  std::array<char, 16> name{};
  std::strncpy(name.data(), text, name.size() - 1);
  return name;
}

inline rtnl::Entry Neighbour(uint8_t op) {
  rtnl::Entry entry{};
  entry.op = op;
  entry.kind = rtnl::kNeighbour;
  entry.family = AF_INET;
  entry.dst = Ip("10.42.2.0");
  entry.via = Lladdr16({0x0e, 0x2a, 0, 0, 2, 0});
  entry.ifindex = 5;
  entry.protocol = 118;
  entry.type = 0x80;
  return entry;
}

// Byte for byte: records have no padding.
template <typename Record>
bool Same(const Record& a, const Record& b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

}  // namespace vtepd::test

#endif  // VTEPD_TEST_SAMPLES_H_
