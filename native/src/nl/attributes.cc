#include "nl/attributes.h"

#include <arpa/inet.h>
#include <algorithm>

namespace vtepd::nl {

std::string_view ToText(Bytes value) {
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size());
  return text.substr(0, text.find('\0'));
}

Attributes::Attributes(Bytes data) {
  malformed_ = !EachAttribute(data, [this](uint16_t id, Bytes value) {
    if (id < kMaxId) found_[id] = value;
  });
}

std::optional<uint16_t> Attributes::Get(Attr<Shape::kU16Be> attr) {
  const std::optional<uint16_t> wire = Value<uint16_t>(attr.id);
  if (!wire) return std::nullopt;
  return ntohs(*wire);
}

std::optional<std::string_view> Attributes::Get(Attr<Shape::kString> attr) const {
  const std::optional<Bytes> bytes = Find(attr.id);
  if (!bytes) return std::nullopt;
  return ToText(*bytes);
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
