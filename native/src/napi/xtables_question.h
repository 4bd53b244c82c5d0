// readXtablesSizes(netns, family, tables) → a promise. The question may wait for a lock of the kernel, so it is asked on a thread of
// Node's pool. Must not: live longer than its answer.
#ifndef VTEPD_NAPI_XTABLES_QUESTION_H_
#define VTEPD_NAPI_XTABLES_QUESTION_H_

#include <napi.h>

namespace vtepd::addon {

// JavaScript thread. The promise never rejects: { kind, errno, text, offset, sizes }, `sizes` a Uint32Array of
// twelve words a table (sock::XtablesSize), empty unless the outcome is done. `netns`:
// a path; empty: the process' own namespace.
Napi::Value ReadXtablesSizes(const Napi::CallbackInfo& info);

}  // namespace vtepd::addon

#endif  // VTEPD_NAPI_XTABLES_QUESTION_H_
