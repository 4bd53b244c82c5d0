// Netlink attributes: typed descriptors, which reader and writer share, and the reader. Pure.
// A policy is a table of descriptors (rtnl/policy.h): it says once which shape an attribute has, so that no decoder and
// no encoder can disagree about it. Must not: know any attribute by name.
#ifndef VTEPD_NL_ATTRIBUTES_H_
#define VTEPD_NL_ATTRIBUTES_H_

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/span_reader.h"

namespace vtepd::nl {

enum class Shape {
  kU8,
  kU16Be,   // network order on the wire, host order in C++
  kU32,     // host order
  kString,  // zero-terminated or not
  kBytes,   // any length; the codec checks it
  kNested,  // attributes
  kFlag,    // present or absent; its length says nothing
};

template <Shape kShape>
struct Attr {
  uint16_t id;
};

// A string attribute: up to the first zero or the end.
[[nodiscard]] std::string_view ToText(Bytes value);

// Calls `visit(id, value)` for each attribute of one level, in order, those that come twice too. False: the framing is broken
// behind the last one. Fewer bytes than a header at the end are padding: the kernel's own parser ignores them too.
template <typename Visit>
[[nodiscard]] bool EachAttribute(Bytes data, Visit visit) {
  SpanReader reader(data);
  while (reader.rest().size() >= NLA_HDRLEN) {
    const nlattr header = reader.Read<nlattr>();
    if (header.nla_len < NLA_HDRLEN) return false;
    const Bytes value = reader.Take(static_cast<size_t>(header.nla_len) - NLA_HDRLEN);
    if (reader.failed()) return false;
    visit(static_cast<uint16_t>(header.nla_type & static_cast<unsigned>(NLA_TYPE_MASK)), value);
    reader.Skip(NLA_ALIGN(header.nla_len) - header.nla_len);
  }
  return true;
}

// The attributes of one level. Errors stick: a broken frame, or a Get() of an attribute whose length is not its shape's,
// makes malformed() true and yields nullopt. Of an attribute that comes twice the last one counts, as in the kernel.
class Attributes {
 public:
  explicit Attributes(Bytes data);

  [[nodiscard]] std::optional<uint8_t> Get(Attr<Shape::kU8> attr) { return Value<uint8_t>(attr.id); }
  [[nodiscard]] std::optional<uint16_t> Get(Attr<Shape::kU16Be> attr);
  [[nodiscard]] std::optional<uint32_t> Get(Attr<Shape::kU32> attr) { return Value<uint32_t>(attr.id); }
  // Up to the first zero or the end.
  [[nodiscard]] std::optional<std::string_view> Get(Attr<Shape::kString> attr) const;
  [[nodiscard]] std::optional<Bytes> Get(Attr<Shape::kBytes> attr) const { return Find(attr.id); }
  // The attributes inside. A broken frame there shows in that object's malformed().
  [[nodiscard]] std::optional<Attributes> Get(Attr<Shape::kNested> attr) const;

  template <Shape kShape>
  [[nodiscard]] bool Has(Attr<kShape> attr) const {
    return Find(attr.id).has_value();
  }

  // Whether any attribute with a higher number is there.
  [[nodiscard]] bool HasAbove(uint16_t id) const;

  [[nodiscard]] bool malformed() const { return malformed_; }

 private:
  // Above every attribute that a policy names (IFLA_LINKINFO … IFLA_MASTER, RTA_*, NDA_*); later ones are passed over.
  static constexpr size_t kMaxId = 64;

  [[nodiscard]] std::optional<Bytes> Find(uint16_t id) const;

  template <typename T>
  [[nodiscard]] std::optional<T> Value(uint16_t id) {
    const std::optional<Bytes> bytes = Find(id);
    if (!bytes) return std::nullopt;
    if (bytes->size() != sizeof(T)) {
      malformed_ = true;
      return std::nullopt;
    }
    return SpanReader(*bytes).Read<T>();
  }

  std::array<std::optional<Bytes>, kMaxId> found_{};
  bool malformed_ = false;
};

}  // namespace vtepd::nl

#endif  // VTEPD_NL_ATTRIBUTES_H_
