#include "napi/convert.h"

#include <cstring>

namespace vtepd::addon {

namespace {

constexpr size_t kLongestText = 4096;

}  // namespace

ObjectBuilder::ObjectBuilder(napi_env env) : env_(env) { Check(napi_create_object(env_, &object_)); }

void ObjectBuilder::Set(const char* name, napi_value value) {
  if (value == nullptr) ok_ = false;
  if (ok_) Check(napi_set_named_property(env_, object_, name, value));
}

void ObjectBuilder::Set(const char* name, uint32_t number) {
  napi_value value = nullptr;
  if (ok_) Check(napi_create_uint32(env_, number, &value));
  Set(name, value);
}

void ObjectBuilder::Set(const char* name, const std::string& text) { Set(name, Text(text)); }

void ObjectBuilder::Set(const char* name, bool flag) {
  napi_value value = nullptr;
  if (ok_) Check(napi_get_boolean(env_, flag, &value));
  Set(name, value);
}

void ObjectBuilder::Set(const char* name, const std::vector<std::string>& texts) {
  napi_value array = nullptr;
  if (ok_) Check(napi_create_array_with_length(env_, texts.size(), &array));
  for (uint32_t i = 0; ok_ && i < texts.size(); ++i) {
    const napi_value text = Text(texts[i]);
    if (ok_) Check(napi_set_element(env_, array, i, text));
  }
  Set(name, array);
}

template <typename T>
void ObjectBuilder::SetTypedArray(const char* name, napi_typedarray_type type, const std::vector<T>& values) {
  const napi_value buffer =
      ok_ ? ToArrayBuffer(env_, {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)}) : nullptr;
  if (buffer == nullptr) ok_ = false;
  napi_value array = nullptr;
  if (ok_) Check(napi_create_typedarray(env_, type, values.size(), buffer, 0, &array));
  Set(name, array);
}

napi_value ObjectBuilder::Text(const std::string& text) {
  napi_value value = nullptr;
  if (ok_) Check(napi_create_string_utf8(env_, text.data(), text.size(), &value));
  return value;
}

ObjectBuilder ToObject(napi_env env, const sock::Outcome& outcome) {
  ObjectBuilder object(env);
  object.Set("kind", static_cast<uint32_t>(outcome.kind));
  object.Set("errno", static_cast<uint32_t>(outcome.error));
  object.Set("text", outcome.text);
  object.Set("offset", outcome.offset);
  return object;
}

ObjectBuilder ToObject(napi_env env, const Reply& reply) {
  ObjectBuilder object = ToObject(env, reply.outcome);
  if (reply.records) {
    object.Set("records", ToArrayBuffer(env, *reply.records));
    object.Set("interrupted", reply.interrupted);
    object.Set("unreadable", reply.unreadable.count);
    object.Set("firstUnreadable", reply.unreadable.first);
    object.Set("altnames", ToArrayBuffer(env, reply.altnames));
  }
  if (reply.batch) {
    object.SetTypedArray("errnos", napi_int32_array, reply.batch->errnos);
    object.SetTypedArray("failed", napi_uint32_array, reply.batch->failed);
    object.SetTypedArray("failedText", napi_uint32_array, reply.batch->failed_text);
    object.Set("texts", reply.batch->texts);
  }
  return object;
}

napi_value ToArrayBuffer(napi_env env, Bytes bytes) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_create_arraybuffer(env, bytes.size(), &data, &buffer) != napi_ok) return nullptr;
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  return buffer;
}

std::optional<Bytes> ToBytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return std::nullopt;
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return std::nullopt;
  const auto bytes = array.As<Napi::Uint8Array>();
  return Bytes(bytes.Data(), bytes.ByteLength());
}

std::optional<uint32_t> ToUint32(const Napi::Value& value, uint32_t least, uint32_t most) {
  if (!value.IsNumber()) return std::nullopt;
  const double number = value.As<Napi::Number>().DoubleValue();
  // False for what is no number, too.
  if (!(number >= least && number <= most)) return std::nullopt;
  const auto integer = static_cast<uint32_t>(number);
  if (static_cast<double>(integer) != number) return std::nullopt;
  return integer;
}

std::optional<uint32_t> ToIfindex(const Napi::Value& value) { return ToUint32(value, 1, INT32_MAX); }

std::optional<std::string> ToText(const Napi::Value& value) {
  if (!value.IsString()) return std::nullopt;
  size_t length = 0;
  if (napi_get_value_string_utf8(value.Env(), value, nullptr, 0, &length) != napi_ok || length > kLongestText)
    return std::nullopt;
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) return std::nullopt;
  return text;
}

std::optional<bool> ToBool(const Napi::Value& value) {
  if (!value.IsBoolean()) return std::nullopt;
  return value.As<Napi::Boolean>().Value();
}

}  // namespace vtepd::addon
