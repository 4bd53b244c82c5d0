// An entry as JavaScript could hand it over, through the encoder, and what that writes through the decoder.
#include <linux/netlink.h>

#include <array>

#include "rtnl/decode.h"
#include "rtnl/entry.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  rtnl::Entry entry{};
  if (size < sizeof(entry)) return 0;
  std::memcpy(&entry, data, sizeof(entry));
  std::array<uint8_t, 128> room{};
  SpanWriter out(std::span<uint8_t>(room).first(size % room.size()));
  if (rtnl::EncodeEntry(&out, 1, NLM_F_ACK, entry) != rtnl::Encoded::kOk) return 0;
  nl::MessageReader reader(out.written());
  const auto message = reader.Next();
  test::Expect(message.has_value() && message->header.nlmsg_len == out.size());
  test::Expect(!reader.Next().has_value() && !reader.malformed());
  test::Expect(!std::holds_alternative<rtnl::Malformed>(rtnl::Decode(*message)));
  return 0;
}
