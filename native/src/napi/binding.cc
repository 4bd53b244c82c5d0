// The module: openSocket, from which nearly everything else hangs; openNftMonitor; what gives memory back: release,
// returnLargeBlocksEarly, returnUnused; and what is no netlink: sendDatagram, openUdp, readXtablesSizes.
#include <napi.h>

#include "base/heap.h"
#include "napi/addon.h"
#include "napi/convert.h"
#include "napi/monitor_handle.h"
#include "napi/rtnl_socket.h"
#include "napi/xtables_question.h"
#include "sock/datagram.h"
#include "sock/udp.h"

namespace vtepd::addon {

namespace {

// A buffer that is none, or that V8 does not let go, stays as it is.
void Release(const Napi::CallbackInfo& info) {
  if (info[0].IsArrayBuffer()) napi_detach_arraybuffer(info.Env(), info[0]);
}

Napi::Value SendDatagram(const Napi::CallbackInfo& info) {
  const auto path = ToText(info[0]);
  const auto text = ToText(info[1]);
  const sock::Outcome outcome = path && text ? sock::SendDatagram(*path, *text) : WrongArgument();
  return {info.Env(), ToObject(info.Env(), outcome).value()};
}

// The descriptor belongs to whoever asked: UniqueFd lets it go when the answer holds it.
Napi::Value OpenUdp(const Napi::CallbackInfo& info) {
  UniqueFd fd;
  const auto address = ToBytes(info[0]);
  const auto port = ToUint32(info[1], 0, UINT16_MAX);
  const sock::Outcome outcome =
      address && port ? sock::OpenUdp(*address, static_cast<uint16_t>(*port), &fd) : WrongArgument();
  ObjectBuilder answer = ToObject(info.Env(), outcome);
  if (fd.valid()) answer.Set("fd", static_cast<uint32_t>(fd.get()));
  if (answer.value() != nullptr) static_cast<void>(fd.Release());
  return {info.Env(), answer.value()};
}

void ReturnLargeBlocks(const Napi::CallbackInfo&) { ReturnLargeBlocksEarly(); }

void GiveBackUnused(const Napi::CallbackInfo&) { ReturnUnused(); }

Napi::Object Initialise(Napi::Env env, Napi::Object exports) {
  AddonData* const data = AddonData::Install(env);
  data->socket_class = Napi::Persistent(RtnlSocket::Define(env));
  data->monitor_class = Napi::Persistent(MonitorHandle::Define(env));
  exports.Set("openSocket", Napi::Function::New<&RtnlSocket::Open>(env));
  exports.Set("openNftMonitor", Napi::Function::New<&MonitorHandle::OpenNft>(env));
  exports.Set("release", Napi::Function::New<&Release>(env));
  exports.Set("returnLargeBlocksEarly", Napi::Function::New<&ReturnLargeBlocks>(env));
  exports.Set("returnUnused", Napi::Function::New<&GiveBackUnused>(env));
  exports.Set("sendDatagram", Napi::Function::New<&SendDatagram>(env));
  exports.Set("openUdp", Napi::Function::New<&OpenUdp>(env));
  exports.Set("readXtablesSizes", Napi::Function::New<&ReadXtablesSizes>(env));
  return exports;
}

NODE_API_MODULE(vtepd_native, Initialise)

}  // namespace

}  // namespace vtepd::addon
