// The JavaScript handle of one request socket. Every method queues one task for the socket's own thread and returns a
// promise of plain data, which never rejects; lib/rtnl/native.ts checks arguments before and builds errors after.
// Must not: make a system call on the JavaScript thread, beyond opening.
#ifndef VTEPD_NAPI_RTNL_SOCKET_H_
#define VTEPD_NAPI_RTNL_SOCKET_H_

#include <napi.h>

#include <functional>
#include <memory>

#include "napi/addon.h"
#include "napi/convert.h"
#include "sock/netns.h"
#include "sock/worker.h"

namespace vtepd::addon {

class RtnlSocket final : public Napi::ObjectWrap<RtnlSocket>, public OpenHandle {
 public:
  static Napi::Function Define(Napi::Env env);
  // openSocket(netns, timeoutMs, chunkEntries, bufferBytes, receiveBufferBytes, protocol): the outcome, with `socket` when
  // done. `protocol`: NETLINK_*.
  static Napi::Value Open(const Napi::CallbackInfo& info);

  explicit RtnlSocket(const Napi::CallbackInfo& info);
  ~RtnlSocket() override;

  void CloseNow() override;

 private:
  // What Open() has prepared for the constructor.
  struct Parts {
    sock::Netns netns;
    std::unique_ptr<sock::Connection> connection;
    size_t chunk_entries = 0;
    int protocol = 0;
  };
  struct Job;
  // Runs on the worker's thread.
  using Work = std::function<void(sock::Connection*, Reply*)>;
  static void Finish(Napi::Env env, Napi::Function, RtnlSocket* socket, Job* job);
  using Completions = Napi::TypedThreadSafeFunction<RtnlSocket, Job, Finish>;

  Napi::Value Dump(const Napi::CallbackInfo& info);
  Napi::Value CreateLink(const Napi::CallbackInfo& info);
  Napi::Value ChangeLink(const Napi::CallbackInfo& info);
  Napi::Value MoveLink(const Napi::CallbackInfo& info);
  Napi::Value DeleteLink(const Napi::CallbackInfo& info);
  Napi::Value AddAddress(const Napi::CallbackInfo& info);
  Napi::Value DeleteAddress(const Napi::CallbackInfo& info);
  Napi::Value AnnounceAddress(const Napi::CallbackInfo& info);
  Napi::Value ReadTxChecksum(const Napi::CallbackInfo& info);
  Napi::Value WriteTxChecksum(const Napi::CallbackInfo& info);
  Napi::Value ResolveRoute(const Napi::CallbackInfo& info);
  Napi::Value GetFdb(const Napi::CallbackInfo& info);
  Napi::Value Apply(const Napi::CallbackInfo& info);
  Napi::Value Transact(const Napi::CallbackInfo& info);
  Napi::Value Monitor(const Napi::CallbackInfo& info);
  Napi::Value Subscribe(const Napi::CallbackInfo& info);
  void NameNext(const Napi::CallbackInfo& info);
  void Withdraw(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  // A promise of the Reply that `work` makes.
  Napi::Value Submit(Napi::Env env, Work work);
  // A promise of EINVAL: the adapter has let a wrong argument pass.
  Napi::Value WrongArguments(Napi::Env env);
  // The environment stays alive, and this object with it, while a promise is open.
  void Began(Napi::Env env);
  void Ended(Napi::Env env);

  sock::Netns netns_;
  std::unique_ptr<sock::Worker> worker_;
  size_t chunk_entries_ = 0;
  int protocol_ = 0;
  // What Withdraw() calls the next task that is submitted by; 0: nothing.
  uint32_t next_id_ = 0;
  Completions completions_;
  size_t pending_ = 0;
  bool closed_ = false;
};

}  // namespace vtepd::addon

#endif  // VTEPD_NAPI_RTNL_SOCKET_H_
