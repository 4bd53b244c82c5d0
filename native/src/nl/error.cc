#include "nl/error.h"

#include <climits>

namespace vtepd::nl {

namespace {

constexpr Attr<Shape::kString> kText{NLMSGERR_ATTR_MSG};
constexpr Attr<Shape::kU32> kOffset{NLMSGERR_ATTR_OFFS};

}  // namespace

std::optional<Verdict> DecodeVerdict(const Message& message) {
  const bool is_error = message.header.nlmsg_type == NLMSG_ERROR;
  if (!is_error && message.header.nlmsg_type != NLMSG_DONE) return std::nullopt;

  SpanReader reader(message.payload);
  // A dump may end without a code (NLMSG_DONE of an empty multicast dump); an NLMSG_ERROR always has one.
  if (!is_error && reader.empty()) return Verdict{};
  const int code = reader.Read<int>();
  if (reader.failed() || code > 0 || code == INT_MIN) return std::nullopt;
  Verdict verdict;
  verdict.error = -code;

  if (is_error) {
    // The request's header comes back, and unless NLM_F_CAPPED says otherwise all of its payload.
    const nlmsghdr request = reader.Read<nlmsghdr>();
    if (reader.failed()) return std::nullopt;
    if ((message.header.nlmsg_flags & NLM_F_CAPPED) == 0 && request.nlmsg_len > sizeof(nlmsghdr))
      reader.Skip(NLMSG_ALIGN(static_cast<size_t>(request.nlmsg_len)) - sizeof(nlmsghdr));
  }
  if ((message.header.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return verdict;

  Attributes attributes(reader.rest());
  if (const auto text = attributes.Get(kText)) verdict.text = *text;
  verdict.offset = attributes.Get(kOffset).value_or(0);
  if (attributes.malformed()) return std::nullopt;
  return verdict;
}

}  // namespace vtepd::nl
