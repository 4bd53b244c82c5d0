#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <string>
#include <vector>

#include "check.h"
#include "golden.h"
#include "nft/touched.h"
#include "rtnl/records.h"
#include "sock/monitor.h"

namespace vtepd::nft {

using test::Golden;

static const std::vector<Watched> kWatched{{NFPROTO_IPV4, "flannel-ipv4", ""},
                                           {NFPROTO_IPV4, "flannel-ipv4", "postrtg"},
                                           {NFPROTO_IPV4, "flannel-ipv4", "forward"},
                                           {NFPROTO_IPV6, "flannel-ipv4", ""},
                                           {NFPROTO_IPV4, "nat", "POSTROUTING"},
                                           {NFPROTO_IPV4, "na", ""}};

// The indexes of what a datagram touches, each as often as it does, and a `?` behind where not all could be read.
static std::string TouchedBy(Bytes datagram) {
  std::string touched;
  const bool readable = EachTouched(datagram, kWatched, [&](size_t index) { touched += std::to_string(index); });
  return touched + (readable ? "" : "?");
}

TEST("a chain and its rules touch what watches the table, and what watches that chain") {
  CHECK_EQ(TouchedBy(Golden("nft-chain-created")), "01");
  CHECK_EQ(TouchedBy(Golden("nft-rule-deleted")), "01");
  CHECK_EQ(TouchedBy(Golden("nft-element-added")), "0");
}

TEST("the end of a table touches everything that is watched in it") {
  CHECK_EQ(TouchedBy(Golden("nft-ruleset-flushed")), "001012");
}

TEST("iptables-nft is heard, and the note that a transaction has ended is not") {
  CHECK_EQ(TouchedBy(Golden("nft-iptables-rule")), "444");
  CHECK_EQ(TouchedBy(Golden("nft-generation")), "");
}

TEST("what cannot be read may have touched anything") {
  std::vector<uint8_t> message = Golden("nft-rule-deleted");
  const std::vector<uint8_t> whole = message;
  message.resize(message.size() - 4);
  CHECK_EQ(TouchedBy(message), "?");
  // The name of the table is no attribute any more.
  message = whole;
  message[sizeof(nlmsghdr) + sizeof(nfgenmsg) + 2] = 77;
  CHECK_EQ(TouchedBy(message), "?");
  // A message of another subsystem is none of ours.
  message[offsetof(nlmsghdr, nlmsg_type) + 1] = NFNL_SUBSYS_CTNETLINK;
  CHECK_EQ(TouchedBy(message), "");
}

TEST("however often something is touched, it is told once, and so is an overrun") {
  std::vector<uint8_t> events;
  for (int i = 0; i < 3; ++i) sock::AppendTouched(Golden("nft-ruleset-flushed"), kWatched, &events);
  for (int i = 0; i < 3; ++i) sock::AppendTouched(std::vector<uint8_t>{1, 2, 3}, kWatched, &events);
  std::string told;
  for (SpanReader reader(events); !reader.empty();) {
    const auto header = reader.Read<rtnl::EventHeader>();
    told += header.type == rtnl::kTouchedEvent ? std::to_string(header.value) : "!";
  }
  CHECK_EQ(told, "012!");
}

}  // namespace vtepd::nft
