// How large the tables of legacy iptables are: the one cheap question that x_tables answers, as it tells nobody of changes and
// gives its rules only as whole tables. Must not: read or write a rule.
#ifndef VTEPD_SOCK_XTABLES_H_
#define VTEPD_SOCK_XTABLES_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "sock/netns.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// What the kernel says of a table: struct ipt_getinfo and ip6t_getinfo without name and valid_hooks, in their order.
struct XtablesSize {
  std::array<uint32_t, 5> hook_entry;
  std::array<uint32_t, 5> underflow;
  uint32_t entries;
  uint32_t bytes;
};

// Of each of `tables` ("nat"), in order. `family` is AF_INET or AF_INET6. Any thread; it may wait for whoever reads or replaces
// a table (20 ms beside 80,000 rules). A table that does not exist yet in this namespace is made by the question: ask only for
// those in /proc/net/ip_tables_names. kSocket: no raw socket (EPERM: CAP_NET_RAW is missing); kRefused: ENOENT no such table,
// ENOPROTOOPT this kernel has no legacy iptables.
[[nodiscard]] Outcome ReadXtablesSizes(const Netns& netns, int family, const std::vector<std::string>& tables,
                                       std::vector<XtablesSize>* sizes);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_XTABLES_H_
