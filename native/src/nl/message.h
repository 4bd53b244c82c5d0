// Netlink framing: messages in a datagram, in both directions (linux/netlink.h). Pure: bytes in, bytes out.
// Must not: know a message type, or trust a length that it has not checked.
#ifndef VTEPD_NL_MESSAGE_H_
#define VTEPD_NL_MESSAGE_H_

#include <linux/netlink.h>

#include <optional>

#include "base/span_reader.h"
#include "base/span_writer.h"
#include "nl/attributes.h"

namespace vtepd::nl {

// One message of a datagram; `payload` points into it: the type's fixed part, then attributes.
struct Message {
  nlmsghdr header{};
  Bytes payload;
};

// Yields the messages of one datagram in order.
class MessageReader {
 public:
  explicit MessageReader(Bytes datagram) : reader_(datagram) {}

  // nullopt at the end, and where the framing is broken: then malformed() says so.
  [[nodiscard]] std::optional<Message> Next();
  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  SpanReader reader_;
  bool malformed_ = false;
};

// Writes one message; a second Begin() appends the next. Sticks when the room is used up: End() then returns false, and
// what was written is no message.
class MessageWriter {
 public:
  explicit MessageWriter(SpanWriter* out) : out_(out) {}

  template <typename Fixed>
  void Begin(uint16_t type, uint16_t flags, uint32_t sequence, const Fixed& fixed) {
    start_ = out_->size();
    out_->Put(nlmsghdr{0, type, flags, sequence, 0});
    out_->Put(fixed);
    Pad();
  }

  void Put(Attr<Shape::kU8> attr, uint8_t value) { PutValue(attr.id, value); }
  void Put(Attr<Shape::kU16Be> attr, uint16_t host_order);
  void Put(Attr<Shape::kU32> attr, uint32_t value) { PutValue(attr.id, value); }
  // Written with the terminating zero.
  void Put(Attr<Shape::kString> attr, const char* text);
  void Put(Attr<Shape::kBytes> attr, Bytes value) { PutAttribute(attr.id, value); }
  void Put(Attr<Shape::kFlag> attr) { PutAttribute(attr.id, {}); }

  // Returns a token for Close(). What is put in between lies inside.
  [[nodiscard]] size_t Open(Attr<Shape::kNested> attr);
  // As Open, for an attribute that begins with a fixed part (VETH_INFO_PEER).
  template <typename Fixed>
  [[nodiscard]] size_t Open(Attr<Shape::kBytes> attr, const Fixed& fixed) {
    const size_t token = OpenAttribute(attr.id);
    out_->Put(fixed);
    Pad();
    return token;
  }
  void Close(size_t token);

  // Completes the message. False: it does not fit.
  [[nodiscard]] bool End();

 private:
  template <typename T>
  void PutValue(uint16_t id, const T& value) {
    out_->Put(nlattr{static_cast<uint16_t>(NLA_HDRLEN + sizeof(T)), id});
    out_->Put(value);
    Pad();
  }
  void PutAttribute(uint16_t id, Bytes value);
  [[nodiscard]] size_t OpenAttribute(uint16_t type);
  void Pad();

  SpanWriter* out_;
  size_t start_ = 0;
};

}  // namespace vtepd::nl

#endif  // VTEPD_NL_MESSAGE_H_
