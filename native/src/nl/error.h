// What the kernel says when a request ends: NLMSG_ERROR (0 is the acknowledgement) and NLMSG_DONE, with the extended
// acknowledgement (NETLINK_EXT_ACK) where there is one. Pure. Must not: judge an errno.
#ifndef VTEPD_NL_ERROR_H_
#define VTEPD_NL_ERROR_H_

#include <cstdint>
#include <optional>
#include <string>

#include "nl/message.h"

namespace vtepd::nl {

struct Verdict {
  // 0, or a positive errno.
  int error = 0;
  // NLMSGERR_ATTR_MSG, the kernel's own sentence, or empty.
  std::string text;
  // NLMSGERR_ATTR_OFFS: where in the request the offending attribute stands, bytes; 0 when not said.
  uint32_t offset = 0;
};

// nullopt: neither NLMSG_ERROR nor NLMSG_DONE, or malformed.
[[nodiscard]] std::optional<Verdict> DecodeVerdict(const Message& message);

}  // namespace vtepd::nl

#endif  // VTEPD_NL_ERROR_H_
