// The module: one function, openSocket; everything else hangs on what it returns.
#include <napi.h>

#include "napi/addon.h"
#include "napi/monitor_handle.h"
#include "napi/rtnl_socket.h"

namespace vtepd::addon {

namespace {

Napi::Object Initialise(Napi::Env env, Napi::Object exports) {
  AddonData* const data = AddonData::Install(env);
  data->socket_class = Napi::Persistent(RtnlSocket::Define(env));
  data->monitor_class = Napi::Persistent(MonitorHandle::Define(env));
  exports.Set("openSocket", Napi::Function::New<&RtnlSocket::Open>(env));
  return exports;
}

NODE_API_MODULE(vtepd_native, Initialise)

}  // namespace

}  // namespace vtepd::addon
