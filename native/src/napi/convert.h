// Values of the sock floor to JavaScript values and back: plain data, never an Error. JavaScript thread only.
//
// While an environment is torn down (worker.terminate(), process.exit() in a worker) completions still arrive, but
// Node-API refuses whatever may run JavaScript. node-addon-api answers a refusal with an empty value, and the next call on
// that with the end of the process. So what runs in a completion uses the C functions, and the first refusal is the end of
// it: nobody waits for the answer any more.
#ifndef VTEPD_NAPI_CONVERT_H_
#define VTEPD_NAPI_CONVERT_H_

#include <napi.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/span_reader.h"
#include "sock/batch.h"
#include "sock/outcome.h"
#include "sock/transaction.h"

namespace vtepd::addon {

// What a task brings home; which parts are set depends on the task.
struct Reply {
  sock::Outcome outcome;
  std::optional<std::vector<uint8_t>> records;
  bool interrupted = false;
  sock::Unreadable unreadable;
  std::vector<uint8_t> altnames;
  std::optional<sock::BatchResult> batch;
};

// A plain object, property by property. The first refusal sticks, and value() is then nullptr.
class ObjectBuilder {
 public:
  explicit ObjectBuilder(napi_env env);

  void Set(const char* name, napi_value value);
  void Set(const char* name, uint32_t number);
  void Set(const char* name, const std::string& text);
  void Set(const char* name, bool flag);
  void Set(const char* name, const std::vector<std::string>& texts);
  template <typename T>
  void SetTypedArray(const char* name, napi_typedarray_type type, const std::vector<T>& values);

  [[nodiscard]] napi_value value() const { return ok_ ? object_ : nullptr; }

 private:
  [[nodiscard]] napi_value Text(const std::string& text);
  void Check(napi_status status) { ok_ = ok_ && status == napi_ok; }

  napi_env env_;
  napi_value object_ = nullptr;
  bool ok_ = true;
};

// { kind, errno, text, offset }
[[nodiscard]] ObjectBuilder ToObject(napi_env env, const sock::Outcome& outcome);
// The outcome with { records, interrupted, unreadable, firstUnreadable, altnames } and { errnos, failed, failedText, texts } where they are set.
[[nodiscard]] ObjectBuilder ToObject(napi_env env, const Reply& reply);
// A copy: the bytes of a vector cannot be handed to a garbage-collected buffer. nullptr when refused.
[[nodiscard]] napi_value ToArrayBuffer(napi_env env, Bytes bytes);

// What JavaScript hands over. nullopt: it is of another type or out of range; nothing is converted, so no code of the value's
// own runs. lib/rtnl checks before, by the field's name; what is wrong here is a fault of ours.

// The bytes of a Uint8Array. Valid until control returns to JavaScript.
[[nodiscard]] std::optional<Bytes> ToBytes(const Napi::Value& value);
// A Uint8Array of exactly one record.
template <typename Record>
[[nodiscard]] std::optional<Record> ToRecord(const Napi::Value& value) {
  static_assert(std::is_trivially_copyable_v<Record>);
  const auto bytes = ToBytes(value);
  if (!bytes || bytes->size() != sizeof(Record)) return std::nullopt;
  return SpanReader(*bytes).Read<Record>();
}
// An integer from `least` to `most`.
[[nodiscard]] std::optional<uint32_t> ToUint32(const Napi::Value& value, uint32_t least, uint32_t most);
// 1 to 2^31-1.
[[nodiscard]] std::optional<uint32_t> ToIfindex(const Napi::Value& value);
// A string without a zero in it, of at most 4 KiB.
[[nodiscard]] std::optional<std::string> ToText(const Napi::Value& value);
[[nodiscard]] std::optional<bool> ToBool(const Napi::Value& value);

// What is answered then.
[[nodiscard]] inline sock::Outcome WrongArgument() {
  return sock::Outcome::Socket(EINVAL, "the addon was given a wrong argument");
}

}  // namespace vtepd::addon

#endif  // VTEPD_NAPI_CONVERT_H_
