// Notifications of nftables (linux/netfilter/nf_tables.h): which of some watched tables and chains they touch. Pure.
// Must not: read what a rule, a set or a chain says; who is concerned lists the table.
#ifndef VTEPD_NFT_TOUCHED_H_
#define VTEPD_NFT_TOUCHED_H_

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/span_reader.h"

namespace vtepd::nft {

struct Watched {
  // NFPROTO_*.
  uint8_t family = 0;
  std::string table;
  // Empty: everything in the table. Else this chain, its rules, and the table itself, but nothing else in it.
  std::string chain;
};

// Calls `touch` with the index of each of `watched` that a message of the datagram touches, as often as it does. False: some
// message could not be read, and may have touched anything.
[[nodiscard]] bool EachTouched(Bytes datagram, std::span<const Watched> watched,
                               const std::function<void(size_t index)>& touch);

}  // namespace vtepd::nft

#endif  // VTEPD_NFT_TOUCHED_H_
