#include "napi/monitor_handle.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "napi/convert.h"

namespace vtepd::addon {

namespace {

// Two: one delivery under way, one ready. The rest of the queue is the socket's receive buffer.
constexpr size_t kQueueBound = 2;
constexpr size_t kMostGroups = 64;
constexpr size_t kMostWatched = 1000;

// `families`: NFPROTO_*; `names`: for each of them a table and a chain.
std::optional<std::vector<nft::Watched>> ToWatched(const Napi::Value& families, const Napi::Value& names) {
  const auto protocols = ToBytes(families);
  if (!protocols || protocols->size() > kMostWatched || !names.IsArray()) return std::nullopt;
  const auto list = names.As<Napi::Array>();
  if (list.Length() != 2 * protocols->size()) return std::nullopt;
  // Copied: what stands in the list may be a getter that changes the bytes.
  std::vector<nft::Watched> watched;
  for (const uint8_t family : *protocols) watched.push_back({family, {}, {}});
  for (uint32_t i = 0; i < watched.size(); ++i) {
    auto table = ToText(list.Get(2 * i));
    auto chain = ToText(list.Get(2 * i + 1));
    if (!table || !chain) return std::nullopt;
    watched[i].table = *std::move(table);
    watched[i].chain = *std::move(chain);
  }
  return watched;
}

}  // namespace

Napi::Function MonitorHandle::Define(Napi::Env env) {
  return DefineClass(env, "MonitorHandle",
                     {
                         InstanceMethod<&MonitorHandle::HearEntries>("hearEntries"),
                         InstanceMethod<&MonitorHandle::SetRef>("setRef"),
                         InstanceMethod<&MonitorHandle::Mark>("mark"),
                         InstanceMethod<&MonitorHandle::Close>("close"),
                     });
}

MonitorHandle::MonitorHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MonitorHandle>(info) {}

Napi::Value MonitorHandle::Open(const Napi::CallbackInfo& info, const sock::Netns& netns, uint32_t own_port) {
  const auto groups = ToBytes(info[0]);
  const auto ignores_own = ToBool(info[1]);
  const auto receive_buffer = ToUint32(info[2], 0, sock::kLargestReceiveBuffer);
  const auto user_buffer = ToUint32(info[3], sock::kLeastUserBuffer, sock::kLargestUserBuffer);
  if (!groups || groups->empty() || groups->size() > kMostGroups || !ignores_own || !receive_buffer || !user_buffer ||
      !info[4].IsFunction())
    return {info.Env(), ToObject(info.Env(), WrongArgument()).value()};
  sock::MonitorOptions options;
  options.groups.assign(groups->begin(), groups->end());
  options.ignored_port = *ignores_own ? own_port : 0;
  options.connection.receive_buffer = static_cast<int>(*receive_buffer);
  options.connection.user_buffer = *user_buffer;
  return Start(info.Env(), netns, options, info[4].As<Napi::Function>());
}

Napi::Value MonitorHandle::OpenRaw(const Napi::CallbackInfo& info, const sock::Netns& netns, int protocol) {
  const auto words = ToBytes(info[0]);
  const auto receive_buffer = ToUint32(info[1], 0, sock::kLargestReceiveBuffer);
  const auto user_buffer = ToUint32(info[2], sock::kLeastUserBuffer, sock::kLargestUserBuffer);
  if (!words || words->empty() || words->size() % sizeof(uint32_t) != 0 ||
      words->size() > kMostGroups * sizeof(uint32_t) || !receive_buffer || !user_buffer || !info[3].IsFunction())
    return {info.Env(), ToObject(info.Env(), WrongArgument()).value()};
  sock::MonitorOptions options;
  for (SpanReader groups(*words); !groups.empty();) options.groups.push_back(groups.Read<uint32_t>());
  options.connection.protocol = protocol;
  options.connection.receive_buffer = static_cast<int>(*receive_buffer);
  options.connection.user_buffer = *user_buffer;
  options.append = sock::AppendRaw;
  return Start(info.Env(), netns, options, info[3].As<Napi::Function>());
}

Napi::Value MonitorHandle::OpenNft(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto path = ToText(info[0]);
  auto watched = ToWatched(info[1], info[2]);
  const auto receive_buffer = ToUint32(info[3], 0, sock::kLargestReceiveBuffer);
  if (!path || !watched || !receive_buffer || !info[4].IsFunction())
    return {env, ToObject(env, WrongArgument()).value()};
  sock::MonitorOptions options;
  options.groups = {NFNLGRP_NFTABLES};
  options.connection.protocol = NETLINK_NETFILTER;
  options.connection.receive_buffer = static_cast<int>(*receive_buffer);
  options.append = [watched = *std::move(watched)](Bytes datagram, std::vector<uint8_t>* events) {
    sock::AppendTouched(datagram, watched, events);
  };
  sock::Netns netns;
  if (!path->empty())
    if (const sock::Outcome outcome = sock::Netns::Open(*path, &netns); !outcome.done())
      return {env, ToObject(env, outcome).value()};
  return Start(env, netns, options, info[4].As<Napi::Function>());
}

Napi::Value MonitorHandle::Start(Napi::Env env, const sock::Netns& netns, const sock::MonitorOptions& options,
                                 Napi::Function callback) {
  AddonData* const data = AddonData::Of(env);
  const Napi::Object object = data->monitor_class.New({});
  if (object.IsEmpty()) return object;
  MonitorHandle* const handle = Unwrap(object);
  sock::Outcome outcome = handle->monitor_.Open(netns, options);
  if (outcome.done()) {
    handle->deliveries_ = Deliveries::New(env, callback, "vtepd.monitor", kQueueBound, 1, handle);
    const int error = handle->monitor_.Start([deliveries = handle->deliveries_](Events events) {
      auto owned = std::make_unique<Events>(std::move(events));
      if (deliveries.BlockingCall(owned.get()) != napi_ok) return false;
      owned.release();
      return true;
    });
    if (error != 0) {
      handle->deliveries_.Release();
      outcome = sock::Outcome::Socket(error, "a thread for the monitor");
    }
  }
  ObjectBuilder result = ToObject(env, outcome);
  if (!outcome.done()) {
    // Its descriptors now, not whenever V8 collects it.
    handle->monitor_.Stop();
    return {env, result.value()};
  }
  handle->open_ = true;
  handle->Ref();
  data->open.insert(handle);
  result.Set("monitor", object);
  return {env, result.value()};
}

void MonitorHandle::Call(Napi::Env env, Napi::Function callback, MonitorHandle*, Events* raw) {
  const std::unique_ptr<Events> events(raw);
  if (static_cast<napi_env>(env) == nullptr) return;
  const napi_value argument = ToArrayBuffer(env, *events);
  napi_value receiver = nullptr;
  if (argument == nullptr || napi_get_undefined(env, &receiver) != napi_ok) return;
  // Refused while the environment goes. The callback itself does not throw (lib/rtnl/native-monitor.ts).
  napi_call_function(env, receiver, callback, 1, &argument, nullptr);
}

void MonitorHandle::CloseNow() {
  open_ = false;
  // Frees the monitor's thread where it waits for room in the queue.
  deliveries_.Abort();
  monitor_.Stop();
}

Napi::Value MonitorHandle::HearEntries(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!open_) return Napi::Number::New(env, EBADF);
  const auto heard = ToBool(info[0]);
  return Napi::Number::New(env, heard ? monitor_.HearEntries(*heard) : EINVAL);
}

void MonitorHandle::SetRef(const Napi::CallbackInfo& info) {
  if (!open_) return;
  if (ToBool(info[0]).value_or(true))
    deliveries_.Ref(info.Env());
  else
    deliveries_.Unref(info.Env());
}

void MonitorHandle::Mark(const Napi::CallbackInfo&) {
  if (open_) monitor_.Mark();
}

Napi::Value MonitorHandle::Close(const Napi::CallbackInfo& info) {
  if (!open_) return info.Env().Undefined();
  AddonData::Of(info.Env())->open.erase(this);
  CloseNow();
  Unref();
  return info.Env().Undefined();
}

}  // namespace vtepd::addon
