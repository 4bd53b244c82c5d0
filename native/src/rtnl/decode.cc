#include "rtnl/decode.h"

#include <linux/rtnetlink.h>

#include <algorithm>

#include "rtnl/address.h"
#include "rtnl/entry.h"
#include "rtnl/link.h"
#include "rtnl/rule.h"

namespace vtepd::rtnl {

namespace {

// More of a message says little more about it.
constexpr size_t kBytesShown = 64;

std::string NameOf(uint16_t type) {
  switch (type) {
    case RTM_NEWLINK:
      return "RTM_NEWLINK";
    case RTM_DELLINK:
      return "RTM_DELLINK";
    case RTM_NEWADDR:
      return "RTM_NEWADDR";
    case RTM_DELADDR:
      return "RTM_DELADDR";
    case RTM_NEWNEIGH:
      return "RTM_NEWNEIGH";
    case RTM_DELNEIGH:
      return "RTM_DELNEIGH";
    case RTM_NEWROUTE:
      return "RTM_NEWROUTE";
    case RTM_DELROUTE:
      return "RTM_DELROUTE";
    case RTM_NEWRULE:
      return "RTM_NEWRULE";
    case RTM_DELRULE:
      return "RTM_DELRULE";
    default:
      return "message type " + std::to_string(type);
  }
}

}  // namespace

Decoded Decode(const nl::Message& message) {
  switch (message.header.nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return DecodeLink(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return DecodeAddress(message);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return DecodeNeighbour(message);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return DecodeRoute(message);
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return DecodeRule(message);
    default:
      return Skipped{};
  }
}

bool IsDeletion(const nl::Message& message) {
  switch (message.header.nlmsg_type) {
    case RTM_DELLINK:
    case RTM_DELADDR:
    case RTM_DELNEIGH:
    case RTM_DELROUTE:
    case RTM_DELRULE:
      return true;
    default:
      return false;
  }
}

std::string Describe(const nl::Message& message) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = NameOf(message.header.nlmsg_type) + " of " + std::to_string(message.payload.size()) + " bytes: ";
  for (const uint8_t byte : message.payload.first(std::min(message.payload.size(), kBytesShown))) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0x0f];
  }
  if (message.payload.size() > kBytesShown) text += "…";
  return text;
}

}  // namespace vtepd::rtnl
