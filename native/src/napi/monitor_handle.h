// The JavaScript handle of one monitor: event records from the monitor's thread to a callback.
// Must not: drop or merge an event. When JavaScript is busy two deliveries wait, then the kernel's buffer fills.
#ifndef VTEPD_NAPI_MONITOR_HANDLE_H_
#define VTEPD_NAPI_MONITOR_HANDLE_H_

#include <napi.h>

#include <cstdint>
#include <vector>

#include "napi/addon.h"
#include "sock/monitor.h"
#include "sock/netns.h"

namespace vtepd::addon {

class MonitorHandle final : public Napi::ObjectWrap<MonitorHandle>, public OpenHandle {
 public:
  static Napi::Function Define(Napi::Env env);
  // monitor(groups: RTNLGRP_* in a Uint8Array, ignoreOwn, receiveBufferBytes, bufferBytes, callback(ArrayBuffer)): the
  // outcome, with `monitor` when done. Opens in `netns`; `own_port` is what ignoreOwn ignores.
  static Napi::Value Open(const Napi::CallbackInfo& info, const sock::Netns& netns, uint32_t own_port);
  // subscribe(groups: multicast groups of `protocol` (NETLINK_*), four bytes each in host order, in a Uint8Array,
  // receiveBufferBytes, bufferBytes, callback(ArrayBuffer)): the same, with the messages as they are (kRawEvent).
  static Napi::Value OpenRaw(const Napi::CallbackInfo& info, const sock::Netns& netns, int protocol);
  // openNftMonitor(netns, families: NFPROTO_* in a Uint8Array, names: for each of them table and chain ('' for all of it),
  // receiveBufferBytes, callback(ArrayBuffer)): the outcome, with `monitor` when done.
  static Napi::Value OpenNft(const Napi::CallbackInfo& info);

  explicit MonitorHandle(const Napi::CallbackInfo& info);
  // A reference to itself keeps an open monitor from the garbage collector.
  ~MonitorHandle() override = default;

  void CloseNow() override;

 private:
  using Events = std::vector<uint8_t>;
  static void Call(Napi::Env env, Napi::Function callback, MonitorHandle* handle, Events* events);
  using Deliveries = Napi::TypedThreadSafeFunction<MonitorHandle, Events, Call>;

  static Napi::Value Start(Napi::Env env, const sock::Netns& netns, const sock::MonitorOptions& options,
                           Napi::Function callback);
  // hearEntries(heard: boolean): 0 or a positive errno.
  Napi::Value HearEntries(const Napi::CallbackInfo& info);
  // setRef(counts: boolean): whether the open monitor keeps the process alive.
  void SetRef(const Napi::CallbackInfo& info);
  // mark(): a kMarkEvent follows what is queued.
  void Mark(const Napi::CallbackInfo& info);
  // No call of the callback after this returns.
  Napi::Value Close(const Napi::CallbackInfo& info);

  sock::Monitor monitor_;
  Deliveries deliveries_;
  bool open_ = false;
};

}  // namespace vtepd::addon

#endif  // VTEPD_NAPI_MONITOR_HANDLE_H_
