// Writes values to the front of a span, never beyond its end. A write that does not fit sticks: the caller checks fits()
// once and drops or repeats the whole. Must not: grow, or know what the bytes mean.
#ifndef VTEPD_BASE_SPAN_WRITER_H_
#define VTEPD_BASE_SPAN_WRITER_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace vtepd {

class SpanWriter {
 public:
  explicit SpanWriter(std::span<uint8_t> room) : room_(room) {}

  // Host byte order.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void Put(const T& value) {
    if (Reserve(sizeof(T))) std::memcpy(room_.data() + size_ - sizeof(T), &value, sizeof(T));
  }

  void PutBytes(std::span<const uint8_t> bytes) {
    if (Reserve(bytes.size()) && !bytes.empty())
      std::memcpy(room_.data() + size_ - bytes.size(), bytes.data(), bytes.size());
  }

  void PutZeros(size_t count) {
    if (Reserve(count) && count > 0) std::memset(room_.data() + size_ - count, 0, count);
  }

  // Overwrites what was put at `offset`; without effect once something did not fit.
  template <typename T>
    requires std::is_trivially_copyable_v<T>
  void Patch(size_t offset, const T& value) {
    if (fits_ && offset + sizeof(T) <= size_) std::memcpy(room_.data() + offset, &value, sizeof(T));
  }

  [[nodiscard]] bool fits() const { return fits_; }
  [[nodiscard]] size_t size() const { return size_; }
  [[nodiscard]] std::span<const uint8_t> written() const { return room_.first(size_); }

 private:
  [[nodiscard]] bool Reserve(size_t count) {
    fits_ = fits_ && count <= room_.size() - size_;
    if (fits_) size_ += count;
    return fits_;
  }

  std::span<uint8_t> room_;
  size_t size_ = 0;
  bool fits_ = true;
};

}  // namespace vtepd

#endif  // VTEPD_BASE_SPAN_WRITER_H_
