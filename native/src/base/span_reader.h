// Reads values off the front of a span, never beyond its end. A read that does not fit yields zeros and sticks: the
// caller checks failed() once, at the end. Must not: know what the bytes mean.
#ifndef VTEPD_BASE_SPAN_READER_H_
#define VTEPD_BASE_SPAN_READER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace vtepd {

using Bytes = std::span<const uint8_t>;

class SpanReader {
 public:
  explicit SpanReader(Bytes data) : rest_(data) {}

  // Unaligned read in host byte order, as netlink has it.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  [[nodiscard]] T Read() {
    T value{};
    const Bytes bytes = Take(sizeof(T));
    if (!failed_) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  // The next `size` bytes; an empty span, and failed(), when there are fewer.
  [[nodiscard]] Bytes Take(size_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const Bytes taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  // Passes over `size` bytes or all that is left: the padding behind the last item may be absent.
  void Skip(size_t size) { rest_ = rest_.subspan(std::min(size, rest_.size())); }

  [[nodiscard]] Bytes rest() const { return rest_; }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  Bytes rest_;
  bool failed_ = false;
};

}  // namespace vtepd

#endif  // VTEPD_BASE_SPAN_READER_H_
