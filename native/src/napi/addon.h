// What one environment (main thread or worker thread) has of this addon: its classes and every handle that is open.
// There is no static state: each environment has an instance of its own. JavaScript thread only.
#ifndef VTEPD_NAPI_ADDON_H_
#define VTEPD_NAPI_ADDON_H_

#include <napi.h>

#include <unordered_set>

namespace vtepd::addon {

// A handle with a thread behind it.
class OpenHandle {
 public:
  // Ends the thread and closes the socket before it returns. The environment is about to go.
  virtual void CloseNow() = 0;

 protected:
  ~OpenHandle() = default;
};

struct AddonData {
  Napi::FunctionReference socket_class;
  Napi::FunctionReference monitor_class;
  std::unordered_set<OpenHandle*> open;

  // Creates the instance data and the clean-up hook that closes what was forgotten.
  static AddonData* Install(Napi::Env env);
  static AddonData* Of(Napi::Env env) { return env.GetInstanceData<AddonData>(); }
};

}  // namespace vtepd::addon

#endif  // VTEPD_NAPI_ADDON_H_
