#include <linux/netlink.h>

#include <array>
#include <cerrno>
#include <vector>

#include "check.h"
#include "golden.h"
#include "nl/attributes.h"
#include "nl/error.h"
#include "nl/message.h"

namespace vtepd::nl {

using test::GoldenMessage;

constexpr Attr<Shape::kU32> kNumber{1};
constexpr Attr<Shape::kString> kText{2};
constexpr Attr<Shape::kNested> kNest{3};
constexpr Attr<Shape::kU8> kSmall{4};
constexpr Attr<Shape::kU16Be> kBig{5};

TEST("messages of one datagram are read back as they were written") {
  std::array<uint8_t, 128> room{};
  SpanWriter out(room);
  MessageWriter writer(&out);
  writer.Begin(16, NLM_F_REQUEST, 7, uint32_t{0xabcd});
  writer.Put(kText, "abcd");
  const size_t nest = writer.Open(kNest);
  writer.Put(kSmall, 9);
  writer.Put(kBig, uint16_t{8472});
  writer.Close(nest);
  CHECK(writer.End());
  writer.Begin(17, 0, 8, uint32_t{0});
  CHECK(writer.End());

  MessageReader reader(out.written());
  const auto first = reader.Next();
  REQUIRE(first.has_value());
  CHECK_EQ(first->header.nlmsg_type, 16);
  CHECK_EQ(first->header.nlmsg_seq, 7u);
  Attributes attributes(first->payload.subspan(4));
  CHECK(attributes.Get(kText) == "abcd");
  auto inner = attributes.Get(kNest);
  REQUIRE(inner.has_value());
  CHECK(inner->Get(kSmall) == uint8_t{9});
  CHECK(inner->Get(kBig) == uint16_t{8472});
  CHECK(!attributes.malformed() && !inner->malformed());
  const auto second = reader.Next();
  REQUIRE(second.has_value());
  CHECK_EQ(second->header.nlmsg_type, 17);
  CHECK(!reader.Next().has_value());
  CHECK(!reader.malformed());
}

TEST("a message does not fit in one byte less than it needs") {
  for (size_t size = 0; size < 32; ++size) {
    std::vector<uint8_t> room(size);
    SpanWriter out(room);
    MessageWriter writer(&out);
    writer.Begin(16, 0, 7, uint32_t{1});
    writer.Put(kNumber, 5);
    CHECK_EQ(writer.End(), size >= 28);
  }
}

TEST("a length beyond the datagram, or below a header, ends the reading as malformed") {
  for (const uint32_t length : {0u, 15u, 21u, 0xffffffffu}) {
    std::array<uint8_t, 20> room{};
    SpanWriter out(room);
    out.Put(nlmsghdr{length, 16, 0, 1, 0});
    MessageReader reader(room);
    CHECK(!reader.Next().has_value());
    CHECK(reader.malformed());
  }
}

TEST("an attribute with a broken length makes the level malformed") {
  for (const uint16_t length : {uint16_t{0}, uint16_t{3}, uint16_t{9}, uint16_t{0xffff}}) {
    std::array<uint8_t, 8> room{};
    SpanWriter out(room);
    out.Put(nlattr{length, 1});
    Attributes attributes(room);
    CHECK(attributes.malformed());
    CHECK(!attributes.Get(kNumber).has_value());
  }
}

TEST("a value of another size than its shape's sticks as malformed") {
  for (uint16_t size = 0; size <= 8; ++size) {
    std::array<uint8_t, 12> room{};
    SpanWriter out(room);
    out.Put(nlattr{static_cast<uint16_t>(NLA_HDRLEN + size), 1});
    Attributes attributes(Bytes(room).first(NLA_HDRLEN + size_t{size}));
    CHECK(!attributes.malformed());
    CHECK_EQ(attributes.Get(kNumber).has_value(), size == 4);
    CHECK_EQ(attributes.malformed(), size != 4);
  }
}

TEST("of an attribute that comes twice the last counts, and unknown ones are passed over") {
  std::array<uint8_t, 32> room{};
  SpanWriter out(room);
  out.Put(nlattr{8, 1});
  out.Put(uint32_t{1});
  out.Put(nlattr{8, 0x3fff});
  out.Put(uint32_t{2});
  out.Put(nlattr{8, 1 | NLA_F_NET_BYTEORDER});
  out.Put(uint32_t{3});
  Attributes attributes(out.written());
  CHECK(attributes.Get(kNumber) == 3u);
}

TEST("an acknowledgement is a verdict without error") {
  const auto verdict = DecodeVerdict(GoldenMessage("verdict-ack").get());
  REQUIRE(verdict.has_value());
  CHECK_EQ(verdict->error, 0);
  CHECK(verdict->text.empty());
}

TEST("a refusal brings the kernel's sentence, whether it is capped or returns the request") {
  for (const char* name : {"verdict-refused", "verdict-refused-whole"}) {
    const auto verdict = DecodeVerdict(GoldenMessage(name).get());
    REQUIRE(verdict.has_value());
    CHECK_EQ(verdict->error, EOPNOTSUPP);
    CHECK_EQ(verdict->text, "Cannot change port");
  }
}

TEST("a refusal says where in the request the fault is") {
  const auto verdict = DecodeVerdict(GoldenMessage("verdict-offset").get());
  REQUIRE(verdict.has_value());
  CHECK_EQ(verdict->error, ERANGE);
  CHECK_EQ(verdict->text, "Attribute failed policy validation");
  CHECK_EQ(verdict->offset, 28u);
}

TEST("the end of a dump is a verdict") {
  const auto verdict = DecodeVerdict(GoldenMessage("verdict-done").get());
  REQUIRE(verdict.has_value());
  CHECK_EQ(verdict->error, 0);
}

TEST("a positive code, or none, in an error message is no verdict") {
  Message message;
  message.header.nlmsg_type = NLMSG_ERROR;
  CHECK(!DecodeVerdict(message).has_value());
  const std::array<uint8_t, 20> positive{1};
  message.payload = positive;
  CHECK(!DecodeVerdict(message).has_value());
}

}  // namespace vtepd::nl
