#include "napi/convert.h"

namespace vtepd::addon {

namespace {

template <typename Array, typename T>
Array ToTypedArray(Napi::Env env, const std::vector<T>& values) {
  Array array = Array::New(env, values.size());
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(T));
  return array;
}

}  // namespace

Napi::Object ToObject(Napi::Env env, const sock::Outcome& outcome) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", static_cast<uint32_t>(outcome.kind));
  object.Set("errno", outcome.error);
  object.Set("text", outcome.text);
  object.Set("offset", outcome.offset);
  return object;
}

Napi::Object ToObject(Napi::Env env, const Reply& reply) {
  Napi::Object object = ToObject(env, reply.outcome);
  if (reply.records) {
    object.Set("records", ToArrayBuffer(env, *reply.records));
    object.Set("interrupted", reply.interrupted);
  }
  if (reply.batch) {
    const sock::BatchResult& batch = *reply.batch;
    object.Set("errnos", ToTypedArray<Napi::Int32Array>(env, batch.errnos));
    object.Set("failed", ToTypedArray<Napi::Uint32Array>(env, batch.failed));
    object.Set("failedText", ToTypedArray<Napi::Uint32Array>(env, batch.failed_text));
    Napi::Array texts = Napi::Array::New(env, batch.texts.size());
    for (uint32_t i = 0; i < batch.texts.size(); ++i) texts.Set(i, batch.texts[i]);
    object.Set("texts", texts);
  }
  return object;
}

Napi::ArrayBuffer ToArrayBuffer(Napi::Env env, Bytes bytes) {
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(buffer.Data(), bytes.data(), bytes.size());
  return buffer;
}

Bytes ToBytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  const auto array = value.As<Napi::TypedArray>();
  if (array.TypedArrayType() != napi_uint8_array) return {};
  const auto bytes = array.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

uint32_t ToUint32(const Napi::Value& value) { return value.IsNumber() ? value.As<Napi::Number>().Uint32Value() : 0; }

std::string ToText(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}

}  // namespace vtepd::addon
