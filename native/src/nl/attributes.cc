#include "nl/attributes.h"

#include <arpa/inet.h>
#include <linux/netlink.h>

#include <algorithm>

namespace vtepd::nl {

Attributes::Attributes(Bytes data) {
  SpanReader reader(data);
  // Fewer bytes than a header at the end are padding: the kernel's own parser ignores them too.
  while (reader.rest().size() >= NLA_HDRLEN) {
    const nlattr header = reader.Read<nlattr>();
    if (header.nla_len < NLA_HDRLEN) {
      malformed_ = true;
      return;
    }
    const Bytes value = reader.Take(static_cast<size_t>(header.nla_len) - NLA_HDRLEN);
    if (reader.failed()) {
      malformed_ = true;
      return;
    }
    const size_t id = header.nla_type & static_cast<unsigned>(NLA_TYPE_MASK);
    if (id < kMaxId) found_[id] = value;
    reader.Skip(NLA_ALIGN(header.nla_len) - header.nla_len);
  }
}

std::optional<uint16_t> Attributes::Get(Attr<Shape::kU16Be> attr) {
  const std::optional<uint16_t> wire = Value<uint16_t>(attr.id);
  if (!wire) return std::nullopt;
  return ntohs(*wire);
}

std::optional<std::string_view> Attributes::Get(Attr<Shape::kString> attr) const {
  const std::optional<Bytes> bytes = Find(attr.id);
  if (!bytes) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return text.substr(0, text.find('\0'));
}

std::optional<Attributes> Attributes::Get(Attr<Shape::kNested> attr) const {
  const std::optional<Bytes> bytes = Find(attr.id);
  if (!bytes) return std::nullopt;
  return Attributes(*bytes);
}

bool Attributes::HasAbove(uint16_t id) const {
  return std::any_of(found_.begin() + std::min<ptrdiff_t>(id + 1, kMaxId), found_.end(),
                     [](const std::optional<Bytes>& value) { return value.has_value(); });
}

std::optional<Bytes> Attributes::Find(uint16_t id) const {
  if (id >= kMaxId) return std::nullopt;
  return found_[id];
}

}  // namespace vtepd::nl
