#include "nl/message.h"

#include <arpa/inet.h>

#include <cstring>

namespace vtepd::nl {

std::optional<Message> MessageReader::Next() {
  if (malformed_ || reader_.empty()) return std::nullopt;
  Message message;
  message.header = reader_.Read<nlmsghdr>();
  const size_t length = message.header.nlmsg_len;
  if (reader_.failed() || length < sizeof(nlmsghdr)) {
    malformed_ = true;
    return std::nullopt;
  }
  message.payload = reader_.Take(length - sizeof(nlmsghdr));
  if (reader_.failed()) {
    malformed_ = true;
    return std::nullopt;
  }
  reader_.Skip(NLMSG_ALIGN(length) - length);
  return message;
}

void MessageWriter::Put(Attr<Shape::kU16Be> attr, uint16_t host_order) { PutValue(attr.id, htons(host_order)); }

void MessageWriter::Put(Attr<Shape::kString> attr, const char* text) {
  PutAttribute(attr.id, {reinterpret_cast<const uint8_t*>(text), std::strlen(text) + 1});
}

size_t MessageWriter::Open(Attr<Shape::kNested> attr) {
  return OpenAttribute(static_cast<uint16_t>(attr.id | NLA_F_NESTED));
}

void MessageWriter::Close(size_t token) {
  out_->Patch(token + offsetof(nlattr, nla_len), static_cast<uint16_t>(out_->size() - token));
}

bool MessageWriter::End() {
  out_->Patch(start_ + offsetof(nlmsghdr, nlmsg_len), static_cast<uint32_t>(out_->size() - start_));
  return out_->fits();
}

void MessageWriter::PutAttribute(uint16_t id, Bytes value) {
  out_->Put(nlattr{static_cast<uint16_t>(NLA_HDRLEN + value.size()), id});
  out_->PutBytes(value);
  Pad();
}

size_t MessageWriter::OpenAttribute(uint16_t type) {
  const size_t token = out_->size();
  out_->Put(nlattr{0, type});
  return token;
}

void MessageWriter::Pad() { out_->PutZeros((NLMSG_ALIGNTO - out_->size() % NLMSG_ALIGNTO) % NLMSG_ALIGNTO); }

}  // namespace vtepd::nl
