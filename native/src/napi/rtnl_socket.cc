#include "napi/rtnl_socket.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "napi/abi.h"
#include "napi/monitor_handle.h"
#include "rtnl/address.h"
#include "rtnl/entry.h"
#include "rtnl/link.h"
#include "sock/batch.h"
#include "sock/transaction.h"

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
                         InstanceMethod<&RtnlSocket::ResolveRoute>("resolveRoute"),
                         InstanceMethod<&RtnlSocket::Apply>("apply"),
                         InstanceMethod<&RtnlSocket::Monitor>("monitor"),
                         InstanceMethod<&RtnlSocket::Close>("close"),
                     });
}

Napi::Value RtnlSocket::Open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Parts parts;
  if (const std::string path = ToText(info[0]); !path.empty()) {
    if (const sock::Outcome outcome = sock::Netns::Open(path, &parts.netns); !outcome.done())
      return {env, ToObject(env, outcome).value()};
  }
  sock::ConnectionOptions options;
  options.timeout_ms = static_cast<int>(ToUint32(info[1]));
  options.user_buffer = ToUint32(info[3]);
  options.receive_buffer = static_cast<int>(ToUint32(info[4]));
  parts.connection = std::make_unique<sock::Connection>();
  const sock::Outcome outcome = parts.connection->Open(parts.netns, options);
  ObjectBuilder result = ToObject(env, outcome);
  if (!outcome.done()) return {env, result.value()};

  const size_t wanted = ToUint32(info[2]);
  parts.chunk_entries = wanted > 0 ? wanted : sock::DefaultChunk(parts.connection->actual_receive_buffer());
  result.Set("socket", AddonData::Of(env)->socket_class.New({Napi::External<Parts>::New(env, &parts)}));
  return {env, result.value()};
}

RtnlSocket::RtnlSocket(const Napi::CallbackInfo& info) : Napi::ObjectWrap<RtnlSocket>(info) {
  Parts* const parts = info[0].As<Napi::External<Parts>>().Data();
  const Napi::Env env = info.Env();
  netns_ = std::move(parts->netns);
  chunk_entries_ = parts->chunk_entries;
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
}

void RtnlSocket::Finish(Napi::Env env, Napi::Function, RtnlSocket* socket, Job* raw) {
  const std::unique_ptr<Job> job(raw);
  // A null environment is gone: nobody waits any more, and `socket` may be gone too.
  if (static_cast<napi_env>(env) == nullptr) return;
  if (job->closes) {
    socket->worker_->Join();
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
  const int error = worker_->Submit(&task);
  if (error == 0) {
    Began(env);
    return promise;
  }
  queued->reply.outcome = sock::Outcome::Socket(error, error == ECANCELED ? "closed" : "a thread for the socket");
  queued->Resolve(env);
  return promise;
}

Napi::Value RtnlSocket::WrongArguments(Napi::Env env) {
  return Submit(env, [](sock::Connection*, Reply* reply) {
    reply->outcome = sock::Outcome::Socket(EINVAL, "the addon was given a wrong argument");
  });
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

Napi::Value RtnlSocket::Dump(const Napi::CallbackInfo& info) {
  const uint32_t what = ToUint32(info[0]);
  const auto family = static_cast<uint8_t>(ToUint32(info[1]));
  const uint32_t ifindex = ToUint32(info[2]);
  return Submit(info.Env(), [=](sock::Connection* connection, Reply* reply) {
    const sock::Encoder encode = [=](SpanWriter* out, uint32_t sequence) {
      switch (what) {
        case abi::kDumpLinks:
          return rtnl::EncodeDumpLinks(out, sequence);
        case abi::kDumpAddresses:
          return rtnl::EncodeDumpAddresses(out, sequence, family);
        case abi::kDumpRoutes:
          return rtnl::EncodeDumpRoutes(out, sequence, family);
        case abi::kDumpNeighbours:
          return rtnl::EncodeDumpNeighbours(out, sequence, family, ifindex);
        case abi::kDumpFdb:
          return rtnl::EncodeDumpFdb(out, sequence, ifindex);
        default:
          return rtnl::Encoded::kCannot;
      }
    };
    sock::DumpResult result;
    reply->outcome = sock::Dump(connection, encode, &result);
    // A namespace in which no IPv4 route was ever made has no main table.
    if (what == abi::kDumpRoutes && reply->outcome.kind == sock::Outcome::Kind::kRefused &&
        reply->outcome.error == ENOENT) {
      reply->outcome = {};
      result = {};
    }
    reply->records = std::move(result.records);
    reply->interrupted = result.interrupted;
  });
}

Napi::Value RtnlSocket::CreateLink(const Napi::CallbackInfo& info) {
  const auto link = ToRecord<rtnl::LinkRecord>(info[0]);
  const auto peer_link = ToRecord<rtnl::LinkRecord>(info[1]);
  if (!link) return WrongArguments(info.Env());
  return Submit(info.Env(), [link = *link, peer_link, path = ToText(info[2])](sock::Connection* at, Reply* reply) {
    sock::Netns target;
    if (!path.empty()) reply->outcome = sock::Netns::Open(path, &target);
    if (!reply->outcome.done()) return;
    rtnl::VethPeer peer{peer_link.value_or(rtnl::LinkRecord{}), target.fd()};
    reply->outcome = sock::Request(at, [&](SpanWriter* out, uint32_t sequence) {
      return rtnl::EncodeCreateLink(out, sequence, link, peer_link ? &peer : nullptr);
    });
  });
}

Napi::Value RtnlSocket::ChangeLink(const Napi::CallbackInfo& info) {
  const auto change = ToRecord<rtnl::LinkRecord>(info[0]);
  if (!change) return WrongArguments(info.Env());
  return Submit(info.Env(), [change = *change](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::Request(
        at, [&](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeChangeLink(out, sequence, change); });
  });
}

Napi::Value RtnlSocket::MoveLink(const Napi::CallbackInfo& info) {
  return Submit(info.Env(), [ifindex = ToUint32(info[0]), path = ToText(info[1])](sock::Connection* at, Reply* reply) {
    sock::Netns target;
    reply->outcome = sock::Netns::Open(path, &target);
    if (!reply->outcome.done()) return;
    reply->outcome = sock::Request(at, [&](SpanWriter* out, uint32_t sequence) {
      return rtnl::EncodeMoveLink(out, sequence, ifindex, target.fd());
    });
  });
}

Napi::Value RtnlSocket::DeleteLink(const Napi::CallbackInfo& info) {
  return Submit(info.Env(), [ifindex = ToUint32(info[0])](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::Request(
        at, [&](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDeleteLink(out, sequence, ifindex); });
  });
}

Napi::Value RtnlSocket::AddAddress(const Napi::CallbackInfo& info) {
  const auto address = ToRecord<rtnl::AddressRecord>(info[0]);
  if (!address) return WrongArguments(info.Env());
  return Submit(info.Env(), [address = *address](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::Request(
        at, [&](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeAddAddress(out, sequence, address); });
  });
}

Napi::Value RtnlSocket::DeleteAddress(const Napi::CallbackInfo& info) {
  const auto address = ToRecord<rtnl::AddressRecord>(info[0]);
  if (!address) return WrongArguments(info.Env());
  return Submit(info.Env(), [address = *address](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::Request(
        at, [&](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDeleteAddress(out, sequence, address); });
  });
}

Napi::Value RtnlSocket::ResolveRoute(const Napi::CallbackInfo& info) {
  const auto dst = ToRecord<rtnl::Address16>(info[1]);
  const auto source = ToRecord<rtnl::Address16>(info[2]);
  if (!dst) return WrongArguments(info.Env());
  const rtnl::RouteQuery query{static_cast<uint8_t>(ToUint32(info[0])), source.has_value(), ToUint32(info[3]), *dst,
                               source.value_or(rtnl::Address16{})};
  return Submit(info.Env(), [query](sock::Connection* at, Reply* reply) {
    rtnl::ResolvedRecord resolved{};
    reply->outcome = sock::Resolve(at, query, &resolved);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&resolved);
    reply->records.emplace(bytes, bytes + sizeof(resolved));
  });
}

Napi::Value RtnlSocket::Apply(const Napi::CallbackInfo& info) {
  // A copy (48 bytes an entry, microseconds for thousands): JavaScript may do with its buffer what it likes meanwhile.
  const Bytes given = ToBytes(info[0]);
  if (given.size() % sizeof(rtnl::Entry) != 0) return WrongArguments(info.Env());
  std::vector<uint8_t> entries(given.begin(), given.end());
  return Submit(info.Env(), [entries = std::move(entries), chunk = chunk_entries_](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::ApplyBatch(at, entries, chunk, &reply->batch.emplace());
  });
}

Napi::Value RtnlSocket::Monitor(const Napi::CallbackInfo& info) {
  if (closed_) return {info.Env(), ToObject(info.Env(), sock::Outcome::Socket(ECANCELED, "closed")).value()};
  return MonitorHandle::Open(info, netns_, worker_->connection()->port_id());
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
