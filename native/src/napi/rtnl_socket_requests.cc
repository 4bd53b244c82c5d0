// What can be asked of a socket: each method unpacks its arguments and says what the worker's thread shall do.
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "napi/abi.h"
#include "napi/rtnl_socket.h"
#include "packet/announcement.h"
#include "rtnl/address.h"
#include "rtnl/entry.h"
#include "rtnl/ip.h"
#include "rtnl/link.h"
#include "rtnl/route.h"
#include "rtnl/rule.h"
#include "sock/announce.h"
#include "sock/batch.h"
#include "sock/checksum_offload.h"
#include "sock/fdb_lookup.h"
#include "sock/transaction.h"

namespace vtepd::addon {

namespace {

bool IsIpFamily(uint8_t family) { return rtnl::AddressBytes(family) != 0; }

// nullopt: `what` is none of abi::kDump*, or cannot be asked of this family and link.
std::optional<sock::DumpQuestion> QuestionOf(uint32_t what, uint8_t family, uint32_t ifindex) {
  const bool is_of_link = what == abi::kDumpNeighbours || what == abi::kDumpFdb;
  const bool is_of_family = what == abi::kDumpRoutes || what == abi::kDumpNeighbours || what == abi::kDumpRules;
  if (is_of_link != (ifindex != 0) || (is_of_family && !IsIpFamily(family))) return std::nullopt;
  if (!is_of_family && family != AF_UNSPEC && !(what == abi::kDumpAddresses && IsIpFamily(family))) return std::nullopt;
  switch (what) {
    case abi::kDumpLinks:
      return sock::DumpQuestion{rtnl::EncodeDumpLinks, RTM_NEWLINK};
    case abi::kDumpAddresses:
      return sock::DumpQuestion{
          [=](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDumpAddresses(out, sequence, family); },
          RTM_NEWADDR, family};
    case abi::kDumpRoutes:
      return sock::DumpQuestion{
          [=](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDumpRoutes(out, sequence, family); },
          RTM_NEWROUTE, family};
    case abi::kDumpNeighbours:
      return sock::DumpQuestion{
          [=](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDumpNeighbours(out, sequence, family, ifindex); },
          RTM_NEWNEIGH, family, ifindex};
    case abi::kDumpFdb:
      return sock::DumpQuestion{
          [=](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDumpFdb(out, sequence, ifindex); }, RTM_NEWNEIGH,
          AF_BRIDGE, ifindex};
    case abi::kDumpRules:
      return sock::DumpQuestion{
          [=](SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDumpRules(out, sequence, family); },
          RTM_NEWRULE, family};
    default:
      return std::nullopt;
  }
}

// A refusal that says that there is nothing: in a namespace in which no IPv4 route was ever made there is no main table,
// and a kernel without policy routing of a family has no rules of it.
bool MeansNone(uint32_t what, const sock::Outcome& outcome) {
  if (outcome.kind != sock::Outcome::Kind::kRefused) return false;
  return (what == abi::kDumpRoutes && outcome.error == ENOENT) ||
         (what == abi::kDumpRules && outcome.error == EAFNOSUPPORT);
}

// A copy (48 bytes an entry, microseconds for thousands): JavaScript may do with its buffer what it likes meanwhile.
// nullopt: the bytes are not whole entries.
std::optional<std::vector<uint8_t>> ToEntries(const Napi::Value& value) {
  const auto given = ToBytes(value);
  if (!given || given->size() % sizeof(rtnl::Entry) != 0) return std::nullopt;
  return std::vector<uint8_t>(given->begin(), given->end());
}

}  // namespace

Napi::Value RtnlSocket::Dump(const Napi::CallbackInfo& info) {
  const auto what = ToUint32(info[0], 0, UINT8_MAX);
  const auto family = ToUint32(info[1], 0, UINT8_MAX);
  const auto ifindex = ToUint32(info[2], 0, INT32_MAX);
  if (!what || !family || !ifindex) return WrongArguments(info.Env());
  const auto question = QuestionOf(*what, static_cast<uint8_t>(*family), *ifindex);
  if (!question) return WrongArguments(info.Env());
  return Submit(info.Env(), [what = *what, question = *question](sock::Connection* connection, Reply* reply) {
    sock::DumpResult result;
    reply->outcome = sock::Dump(connection, question, &result);
    if (MeansNone(what, reply->outcome)) {
      reply->outcome = {};
      result = {};
    }
    reply->records = std::move(result.records);
    reply->interrupted = result.interrupted;
    reply->unreadable = std::move(result.unreadable);
    reply->altnames = std::move(result.altnames);
  });
}

Napi::Value RtnlSocket::CreateLink(const Napi::CallbackInfo& info) {
  const auto link = ToRecord<rtnl::LinkRecord>(info[0]);
  const auto peer_link = ToRecord<rtnl::LinkRecord>(info[1]);
  auto path = ToText(info[2]);
  if (!link || !path || (!peer_link && !(info[1].IsUndefined() && path->empty()))) return WrongArguments(info.Env());
  return Submit(info.Env(), [link = *link, peer_link, path = *std::move(path)](sock::Connection* at, Reply* reply) {
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
  const auto link = ToIfindex(info[0]);
  auto target_path = ToText(info[1]);
  if (!link || !target_path || target_path->empty()) return WrongArguments(info.Env());
  return Submit(info.Env(), [ifindex = *link, path = *std::move(target_path)](sock::Connection* at, Reply* reply) {
    sock::Netns target;
    reply->outcome = sock::Netns::Open(path, &target);
    if (!reply->outcome.done()) return;
    reply->outcome = sock::Request(at, [&](SpanWriter* out, uint32_t sequence) {
      return rtnl::EncodeMoveLink(out, sequence, ifindex, target.fd());
    });
  });
}

Napi::Value RtnlSocket::DeleteLink(const Napi::CallbackInfo& info) {
  const auto link = ToIfindex(info[0]);
  if (!link) return WrongArguments(info.Env());
  return Submit(info.Env(), [ifindex = *link](sock::Connection* at, Reply* reply) {
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

Napi::Value RtnlSocket::AnnounceAddress(const Napi::CallbackInfo& info) {
  const auto announcement = ToRecord<rtnl::AnnounceRecord>(info[0]);
  if (!announcement || !packet::CanAnnounce(*announcement)) return WrongArguments(info.Env());
  // The worker's thread ends before this object does, and nothing changes its namespace.
  return Submit(info.Env(), [this, announcement = *announcement](sock::Connection* at, Reply* reply) {
    reply->outcome =
        at->cancelled() ? sock::Outcome::Socket(ECANCELED, "closed") : sock::Announce(netns_, announcement);
  });
}

// One byte: 1 is on.
Napi::Value RtnlSocket::ReadTxChecksum(const Napi::CallbackInfo& info) {
  const auto link = ToIfindex(info[0]);
  if (!link) return WrongArguments(info.Env());
  return Submit(info.Env(), [this, ifindex = *link](sock::Connection* at, Reply* reply) {
    bool on = false;
    reply->outcome =
        at->cancelled() ? sock::Outcome::Socket(ECANCELED, "closed") : sock::ReadTxChecksum(netns_, ifindex, &on);
    reply->records.emplace(1, on ? uint8_t{1} : uint8_t{0});
  });
}

Napi::Value RtnlSocket::WriteTxChecksum(const Napi::CallbackInfo& info) {
  const auto link = ToIfindex(info[0]);
  const auto on = ToUint32(info[1], 0, 1);
  if (!link || !on) return WrongArguments(info.Env());
  return Submit(info.Env(), [this, ifindex = *link, on = *on == 1](sock::Connection* at, Reply* reply) {
    reply->outcome =
        at->cancelled() ? sock::Outcome::Socket(ECANCELED, "closed") : sock::WriteTxChecksum(netns_, ifindex, on);
  });
}

Napi::Value RtnlSocket::ResolveRoute(const Napi::CallbackInfo& info) {
  const auto query = ToRecord<rtnl::QueryRecord>(info[0]);
  if (!query) return WrongArguments(info.Env());
  return Submit(info.Env(), [query = *query](sock::Connection* at, Reply* reply) {
    rtnl::ResolvedRecord resolved{};
    reply->outcome = sock::Resolve(at, query, &resolved);
    const auto* bytes = reinterpret_cast<const uint8_t*>(&resolved);
    reply->records.emplace(bytes, bytes + sizeof(resolved));
  });
}

Napi::Value RtnlSocket::GetFdb(const Napi::CallbackInfo& info) {
  auto entries = ToEntries(info[0]);
  if (!entries) return WrongArguments(info.Env());
  return Submit(info.Env(), [entries = *std::move(entries), chunk = chunk_entries_](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::GetFdb(at, entries, chunk, &reply->records.emplace());
  });
}

// transact(message, isDump): a whole message in, whole messages out.
Napi::Value RtnlSocket::Transact(const Napi::CallbackInfo& info) {
  const auto given = ToBytes(info[0]);
  const auto is_dump = ToBool(info[1]);
  if (!given || !is_dump) return WrongArguments(info.Env());
  std::vector<uint8_t> message(given->begin(), given->end());
  return Submit(info.Env(), [message = std::move(message), dump = *is_dump](sock::Connection* at, Reply* reply) {
    sock::RawResult result;
    reply->outcome = sock::Transact(at, message, dump, &result);
    reply->records = std::move(result.messages);
    reply->interrupted = result.interrupted;
  });
}

Napi::Value RtnlSocket::Apply(const Napi::CallbackInfo& info) {
  auto entries = ToEntries(info[0]);
  if (!entries) return WrongArguments(info.Env());
  return Submit(info.Env(), [entries = *std::move(entries), chunk = chunk_entries_](sock::Connection* at, Reply* reply) {
    reply->outcome = sock::ApplyBatch(at, entries, chunk, &reply->batch.emplace());
  });
}

}  // namespace vtepd::addon
