#include "napi/monitor_handle.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "napi/convert.h"

namespace vtepd::addon {

namespace {

// Two: one delivery under way, one ready. The rest of the queue is the socket's receive buffer.
constexpr size_t kQueueBound = 2;

}  // namespace

Napi::Function MonitorHandle::Define(Napi::Env env) {
  return DefineClass(env, "MonitorHandle",
                     {
                         InstanceMethod<&MonitorHandle::HearEntries>("hearEntries"),
                         InstanceMethod<&MonitorHandle::SetRef>("setRef"),
                         InstanceMethod<&MonitorHandle::Close>("close"),
                     });
}

MonitorHandle::MonitorHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MonitorHandle>(info) {}

Napi::Value MonitorHandle::Open(const Napi::CallbackInfo& info, const sock::Netns& netns, uint32_t own_port) {
  sock::MonitorOptions options;
  // Named, since g++ 13 holds the bytes to be the temporary's; the argument's buffer has them.
  const Bytes groups = ToBytes(info[0]);
  for (const uint8_t group : groups) options.groups.push_back(group);
  options.ignored_port = info[1].ToBoolean() ? own_port : 0;
  options.connection.receive_buffer = static_cast<int>(ToUint32(info[2]));
  options.connection.user_buffer = ToUint32(info[3]);
  return Start(info.Env(), netns, options, info[4].As<Napi::Function>());
}

Napi::Value MonitorHandle::OpenRaw(const Napi::CallbackInfo& info, const sock::Netns& netns, int protocol) {
  sock::MonitorOptions options;
  const Bytes given = ToBytes(info[0]);
  for (SpanReader groups(given); !groups.empty() && !groups.failed();) options.groups.push_back(groups.Read<uint32_t>());
  options.connection.protocol = protocol;
  options.connection.receive_buffer = static_cast<int>(ToUint32(info[1]));
  options.connection.user_buffer = ToUint32(info[2]);
  options.append = sock::AppendRaw;
  return Start(info.Env(), netns, options, info[3].As<Napi::Function>());
}

Napi::Value MonitorHandle::OpenNft(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::vector<nft::Watched> watched;
  const Bytes families = ToBytes(info[1]);
  for (const uint8_t family : families) {
    const auto names = info[2].As<Napi::Array>();
    const auto at = static_cast<uint32_t>(2 * watched.size());
    watched.push_back({family, ToText(names.Get(at)), ToText(names.Get(at + 1))});
  }
  sock::MonitorOptions options;
  options.groups = {NFNLGRP_NFTABLES};
  options.connection.protocol = NETLINK_NETFILTER;
  options.connection.receive_buffer = static_cast<int>(ToUint32(info[3]));
  options.append = [watched = std::move(watched)](Bytes datagram, std::vector<uint8_t>* events) {
    sock::AppendTouched(datagram, watched, events);
  };
  sock::Netns netns;
  if (const std::string path = ToText(info[0]); !path.empty())
    if (const sock::Outcome outcome = sock::Netns::Open(path, &netns); !outcome.done())
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
  if (!outcome.done()) return {env, result.value()};
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
  return Napi::Number::New(env, monitor_.HearEntries(info[0].ToBoolean()));
}

void MonitorHandle::SetRef(const Napi::CallbackInfo& info) {
  if (!open_) return;
  if (info[0].ToBoolean())
    deliveries_.Ref(info.Env());
  else
    deliveries_.Unref(info.Env());
}

Napi::Value MonitorHandle::Close(const Napi::CallbackInfo& info) {
  if (!open_) return info.Env().Undefined();
  AddonData::Of(info.Env())->open.erase(this);
  CloseNow();
  Unref();
  return info.Env().Undefined();
}

}  // namespace vtepd::addon
