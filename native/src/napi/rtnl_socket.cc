#include "napi/rtnl_socket.h"

#include <linux/netlink.h>

#include <cerrno>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/span_reader.h"
#include "napi/monitor_handle.h"
#include "sock/batch.h"

namespace vtepd::addon {

// One promise on its way to the worker and back.
struct RtnlSocket::Job final : sock::Worker::Task {
  Job(Work work_to_do, Completions where_to) : work(std::move(work_to_do)), completions(where_to) {}

  void Run(std::unique_ptr<Task> self, sock::Connection* connection) override {
    work(connection, &reply);
    HandOver(std::move(self));
  }

  // To the JavaScript thread, from any thread. The environment that takes nothing any more has nobody who waits.
  void HandOver(std::unique_ptr<Task> self) {
    if (completions.NonBlockingCall(this) == napi_ok) [[maybe_unused]] Task* const taken = self.release();
  }

  // The promise; an empty value when the environment makes none any more.
  Napi::Value Promise(napi_env env) {
    napi_value promise = nullptr;
    return napi_create_promise(env, &deferred, &promise) == napi_ok ? Napi::Value(env, promise) : Napi::Value();
  }
  void Resolve(napi_env env) const {
    const napi_value value = ToObject(env, reply).value();
    if (value != nullptr) napi_resolve_deferred(env, deferred, value);
  }

  Work work;
  Completions completions;
  napi_deferred deferred = nullptr;
  Reply reply;
  // The last one: the worker's thread has ended.
  bool closes = false;
};

Napi::Function RtnlSocket::Define(Napi::Env env) {
  return DefineClass(env, "RtnlSocket",
                     {
                         InstanceMethod<&RtnlSocket::Dump>("dump"),
                         InstanceMethod<&RtnlSocket::CreateLink>("createLink"),
                         InstanceMethod<&RtnlSocket::ChangeLink>("changeLink"),
                         InstanceMethod<&RtnlSocket::MoveLink>("moveLink"),
                         InstanceMethod<&RtnlSocket::DeleteLink>("deleteLink"),
                         InstanceMethod<&RtnlSocket::AddAddress>("addAddress"),
                         InstanceMethod<&RtnlSocket::DeleteAddress>("deleteAddress"),
                         InstanceMethod<&RtnlSocket::AnnounceAddress>("announceAddress"),
                         InstanceMethod<&RtnlSocket::ReadTxChecksum>("readTxChecksum"),
                         InstanceMethod<&RtnlSocket::WriteTxChecksum>("writeTxChecksum"),
                         InstanceMethod<&RtnlSocket::ResolveRoute>("resolveRoute"),
                         InstanceMethod<&RtnlSocket::GetFdb>("getFdb"),
                         InstanceMethod<&RtnlSocket::Apply>("apply"),
                         InstanceMethod<&RtnlSocket::Transact>("transact"),
                         InstanceMethod<&RtnlSocket::Monitor>("monitor"),
                         InstanceMethod<&RtnlSocket::Subscribe>("subscribe"),
                         InstanceMethod<&RtnlSocket::NameNext>("nameNext"),
                         InstanceMethod<&RtnlSocket::Withdraw>("withdraw"),
                         InstanceMethod<&RtnlSocket::Close>("close"),
                     });
}

Napi::Value RtnlSocket::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto path = ToText(info[0]);
  const auto timeout_ms = ToUint32(info[1], 1, INT32_MAX);
  const auto chunk_entries = ToUint32(info[2], 0, sock::kMostChunkEntries);
  const auto user_buffer = ToUint32(info[3], sock::kLeastUserBuffer, sock::kLargestUserBuffer);
  const auto receive_buffer = ToUint32(info[4], 0, sock::kLargestReceiveBuffer);
  const auto protocol = ToUint32(info[5], 0, MAX_LINKS - 1);
  if (!path || !timeout_ms || !chunk_entries || !user_buffer || !receive_buffer || !protocol)
    return {env, ToObject(env, WrongArgument()).value()};
  Parts parts;
  if (!path->empty()) {
    if (const sock::Outcome outcome = sock::Netns::Open(*path, &parts.netns); !outcome.done())
      return {env, ToObject(env, outcome).value()};
  }
  sock::ConnectionOptions options;
  options.timeout_ms = static_cast<int>(*timeout_ms);
  options.user_buffer = *user_buffer;
  options.receive_buffer = static_cast<int>(*receive_buffer);
  options.protocol = parts.protocol = static_cast<int>(*protocol);
  parts.connection = std::make_unique<sock::Connection>();
  const sock::Outcome outcome = parts.connection->Open(parts.netns, options);
  ObjectBuilder result = ToObject(env, outcome);
  if (!outcome.done()) return {env, result.value()};

  parts.chunk_entries = *chunk_entries > 0 ? *chunk_entries : sock::DefaultChunk(parts.connection->actual_receive_buffer());
  result.Set("socket", AddonData::Of(env)->socket_class.New({Napi::External<Parts>::New(env, &parts)}));
  return {env, result.value()};
}

RtnlSocket::RtnlSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RtnlSocket>(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsExternal()) {
    // By `new socket.constructor()`: there is nothing to close.
    closed_ = true;
    Napi::TypeError::New(env, "a socket is opened with openSocket").ThrowAsJavaScriptException();
    return;
  }
  Parts* const parts = info[0].As<Napi::External<Parts>>().Data();
  netns_ = std::move(parts->netns);
  chunk_entries_ = parts->chunk_entries;
  protocol_ = parts->protocol;
  worker_ = std::make_unique<sock::Worker>(std::move(parts->connection));
  // Unbounded: a caller has at most as many completions under way as it has promises.
  completions_ = Completions::New(env, "vtepd.rtnl", 0, 1, this);
  completions_.Unref(env);
  AddonData::Of(env)->open.insert(this);
  Napi::Object self = info.This().As<Napi::Object>();
  self.Set("portId", worker_->connection()->port_id());
  self.Set("chunkEntries", static_cast<uint32_t>(chunk_entries_));
  self.Set("receiveBufferBytes", worker_->connection()->actual_receive_buffer());
}

RtnlSocket::~RtnlSocket() {
  if (closed_) return;
  // Collected as garbage without close(); nothing is pending, or a reference would have kept it.
  AddonData::Of(Env())->open.erase(this);
  CloseNow();
  completions_.Release();
}

void RtnlSocket::CloseNow() {
  closed_ = true;
  worker_->Stop([] {});
  worker_->Join();
  netns_ = {};
}

void RtnlSocket::Finish(Napi::Env env, Napi::Function, RtnlSocket* socket, Job* raw) {
  const std::unique_ptr<Job> job(raw);
  // A null environment is gone: nobody waits any more, and `socket` may be gone too.
  if (static_cast<napi_env>(env) == nullptr) return;
  if (job->closes) {
    socket->worker_->Join();
    socket->netns_ = {};
    AddonData::Of(env)->open.erase(socket);
  }
  job->Resolve(env);
  socket->Ended(env);
  if (job->closes) socket->completions_.Release();
}

Napi::Value RtnlSocket::Submit(Napi::Env env, Work work) {
  auto job = std::make_unique<Job>(std::move(work), completions_);
  Job* const queued = job.get();
  const Napi::Value promise = job->Promise(env);
  if (promise.IsEmpty()) return promise;
  std::unique_ptr<sock::Worker::Task> task = std::move(job);
  const int error = worker_->Submit(&task, std::exchange(next_id_, 0));
  if (error == 0) {
    Began(env);
    return promise;
  }
  queued->reply.outcome = sock::Outcome::Socket(error, error == ECANCELED ? "closed" : "a thread for the socket");
  queued->Resolve(env);
  return promise;
}

Napi::Value RtnlSocket::WrongArguments(Napi::Env env) {
  return Submit(env, [](sock::Connection*, Reply* reply) { reply->outcome = WrongArgument(); });
}

void RtnlSocket::Began(Napi::Env env) {
  if (pending_++ > 0) return;
  completions_.Ref(env);
  Ref();
}

void RtnlSocket::Ended(Napi::Env env) {
  if (--pending_ > 0) return;
  completions_.Unref(env);
  Unref();
}

Napi::Value RtnlSocket::Monitor(const Napi::CallbackInfo& info) {
  if (closed_) return {info.Env(), ToObject(info.Env(), sock::Outcome::Socket(ECANCELED, "closed")).value()};
  return MonitorHandle::Open(info, netns_, worker_->connection()->port_id());
}

Napi::Value RtnlSocket::Subscribe(const Napi::CallbackInfo& info) {
  if (closed_) return {info.Env(), ToObject(info.Env(), sock::Outcome::Socket(ECANCELED, "closed")).value()};
  return MonitorHandle::OpenRaw(info, netns_, protocol_);
}

void RtnlSocket::NameNext(const Napi::CallbackInfo& info) { next_id_ = ToUint32(info[0], 1, UINT32_MAX).value_or(0); }

void RtnlSocket::Withdraw(const Napi::CallbackInfo& info) {
  if (worker_ == nullptr) return;
  const auto words = ToBytes(info[0]);
  if (!words || words->size() % sizeof(uint32_t) != 0) return;
  std::unordered_set<uint32_t> ids;
  for (SpanReader rest(*words); !rest.empty();) ids.insert(rest.Read<uint32_t>());
  for (const std::unique_ptr<sock::Worker::Task>& task : worker_->Withdraw(ids)) {
    // Every task of this worker is a Job.
    auto* const job = static_cast<Job*>(task.get());
    job->reply.outcome = sock::Outcome::Socket(ECANCELED, "not sent");
    job->Resolve(info.Env());
    Ended(info.Env());
  }
}

Napi::Value RtnlSocket::Close(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto job = std::make_unique<Job>(Work(), completions_);
  const Napi::Value promise = job->Promise(env);
  if (promise.IsEmpty()) return promise;
  if (closed_) {
    job->Resolve(env);
    return promise;
  }
  closed_ = true;
  job->closes = true;
  Began(env);
  worker_->Stop([last = job.release()] { last->HandOver(std::unique_ptr<sock::Worker::Task>(last)); });
  return promise;
}

}  // namespace vtepd::addon
