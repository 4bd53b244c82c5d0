// Values of the sock floor to JavaScript values and back: plain data, never an Error. JavaScript thread only.
#ifndef VTEPD_NAPI_CONVERT_H_
#define VTEPD_NAPI_CONVERT_H_

#include <napi.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <vector>

#include "base/span_reader.h"
#include "sock/batch.h"
#include "sock/outcome.h"

namespace vtepd::addon {

// What a task brings home; which parts are set depends on the task.
struct Reply {
  sock::Outcome outcome;
  std::optional<std::vector<uint8_t>> records;
  bool interrupted = false;
  std::optional<sock::BatchResult> batch;
};

// { kind, errno, text, offset }
[[nodiscard]] Napi::Object ToObject(Napi::Env env, const sock::Outcome& outcome);
// The outcome with { records, interrupted } and { errnos, failed, failedText, texts } where they are set.
[[nodiscard]] Napi::Object ToObject(Napi::Env env, const Reply& reply);
// A copy: the bytes of a vector cannot be handed to a garbage-collected buffer.
[[nodiscard]] Napi::ArrayBuffer ToArrayBuffer(Napi::Env env, Bytes bytes);

// The bytes of a Uint8Array; empty for anything else. Valid until control returns to JavaScript.
[[nodiscard]] Bytes ToBytes(const Napi::Value& value);
// nullopt when it is no Uint8Array of exactly one record.
template <typename Record>
[[nodiscard]] std::optional<Record> ToRecord(const Napi::Value& value) {
  static_assert(std::is_trivially_copyable_v<Record>);
  const Bytes bytes = ToBytes(value);
  if (bytes.size() != sizeof(Record)) return std::nullopt;
  return SpanReader(bytes).Read<Record>();
}
// 0 for anything that is no number.
[[nodiscard]] uint32_t ToUint32(const Napi::Value& value);
// Empty for anything that is no string.
[[nodiscard]] std::string ToText(const Napi::Value& value);

}  // namespace vtepd::addon

#endif  // VTEPD_NAPI_CONVERT_H_
