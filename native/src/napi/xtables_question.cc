#include "napi/xtables_question.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "napi/convert.h"
#include "sock/xtables.h"

namespace vtepd::addon {

namespace {

// The kernel has five.
constexpr uint32_t kMostTables = 64;

struct Question {
  std::string netns;
  int family = 0;
  std::vector<std::string> tables;
  sock::Outcome outcome;
  std::vector<sock::XtablesSize> sizes;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
};

// False: one of them is wrong.
bool TakeArguments(const Napi::CallbackInfo& info, Question* question) {
  auto netns = ToText(info[0]);
  const auto family = ToUint32(info[1], 0, UINT8_MAX);
  if (!netns || !family || !info[2].IsArray()) return false;
  question->netns = *std::move(netns);
  question->family = static_cast<int>(*family);
  const auto tables = info[2].As<Napi::Array>();
  if (tables.Length() > kMostTables) return false;
  for (uint32_t i = 0; i < tables.Length(); ++i) {
    auto table = ToText(tables.Get(i));
    if (!table) return false;
    question->tables.push_back(*std::move(table));
  }
  return true;
}

// A thread of the pool.
void Ask(napi_env, void* data) {
  auto* const question = static_cast<Question*>(data);
  sock::Netns netns;
  if (question->outcome.done() && !question->netns.empty())
    question->outcome = sock::Netns::Open(question->netns, &netns);
  if (question->outcome.done())
    question->outcome = sock::ReadXtablesSizes(netns, question->family, question->tables, &question->sizes);
}

// JavaScript thread, also while the environment ends: then Node-API refuses, and nobody waits.
void Answer(napi_env env, napi_status, void* data) {
  const std::unique_ptr<Question> question(static_cast<Question*>(data));
  napi_delete_async_work(env, question->work);
  std::vector<uint32_t> words;
  if (question->outcome.done()) {
    words.resize(question->sizes.size() * sizeof(sock::XtablesSize) / sizeof(uint32_t));
    if (!words.empty()) std::memcpy(words.data(), question->sizes.data(), words.size() * sizeof(uint32_t));
  }
  ObjectBuilder answer = ToObject(env, question->outcome);
  answer.SetTypedArray("sizes", napi_uint32_array, words);
  if (answer.value() != nullptr) napi_resolve_deferred(env, question->deferred, answer.value());
}

}  // namespace

Napi::Value ReadXtablesSizes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto question = std::make_unique<Question>();
  if (!TakeArguments(info, question.get())) question->outcome = WrongArgument();
  napi_value promise = nullptr;
  napi_value name = nullptr;
  const bool queued =
      napi_create_string_utf8(env, "vtepd:xtables", NAPI_AUTO_LENGTH, &name) == napi_ok &&
      napi_create_promise(env, &question->deferred, &promise) == napi_ok &&
      napi_create_async_work(env, nullptr, name, Ask, Answer, question.get(), &question->work) == napi_ok &&
      napi_queue_async_work(env, question->work) == napi_ok;
  if (!queued) return env.Undefined();
  static_cast<void>(question.release());
  return {env, promise};
}

}  // namespace vtepd::addon
