#include "napi/addon.h"

#include <memory>
#include <utility>

namespace vtepd::addon {

AddonData* AddonData::Install(Napi::Env env) {
  AddonData* const data = std::make_unique<AddonData>().release();
  env.SetInstanceData(data);
  env.AddCleanupHook([data] {
    for (OpenHandle* handle : std::exchange(data->open, {})) handle->CloseNow();
  });
  return data;
}

}  // namespace vtepd::addon
