// Transactions against a scripted kernel: the other end of a socketpair, whose answers are queued beforehand. What needs
// a real one (overruns, filters, namespaces) is tested from test/rtnl.
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "base/thread.h"
#include "check.h"
#include "golden.h"
#include "rtnl/decode.h"
#include "rtnl/link.h"
#include "samples.h"
#include "sock/batch.h"
#include "sock/fdb_lookup.h"
#include "sock/monitor.h"
#include "sock/transaction.h"
#include "sock/worker.h"

namespace vtepd::sock {

namespace {

// One end is the connection, the other the kernel.
struct Stage {
  explicit Stage(ConnectionOptions options = {.timeout_ms = 5'000}) {
    int ends[2] = {-1, -1};
    CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    kernel = UniqueFd(ends[1]);
    CHECK(connection.Adopt(UniqueFd(ends[0]), options).done());
  }

  void Say(const std::vector<uint8_t>& datagram) const {
    CHECK_EQ(send(kernel.get(), datagram.data(), datagram.size(), 0), static_cast<ssize_t>(datagram.size()));
  }

  // How many datagrams were sent to the kernel, and the sizes of the messages in each.
  [[nodiscard]] std::vector<std::vector<nlmsghdr>> Heard() const {
    std::vector<std::vector<nlmsghdr>> heard;
    std::vector<uint8_t> room(1 << 16);
    for (ssize_t size = 0; (size = recv(kernel.get(), room.data(), room.size(), MSG_DONTWAIT)) > 0;) {
      nl::MessageReader reader(Bytes(room).first(static_cast<size_t>(size)));
      auto& headers = heard.emplace_back();
      while (const auto message = reader.Next()) headers.push_back(message->header);
    }
    return heard;
  }

  UniqueFd kernel;
  Connection connection;
};

std::vector<uint8_t> Message(uint16_t type, uint16_t flags, uint32_t sequence, Bytes payload) {
  std::vector<uint8_t> bytes(sizeof(nlmsghdr) + NLMSG_ALIGN(payload.size()));
  SpanWriter out(bytes);
  out.Put(nlmsghdr{static_cast<uint32_t>(sizeof(nlmsghdr) + payload.size()), type, flags, sequence, 0});
  out.PutBytes(payload);
  return bytes;
}

std::vector<uint8_t> Verdict(uint32_t sequence, int error) {
  std::vector<uint8_t> payload(sizeof(nlmsgerr));
  SpanWriter out(payload);
  out.Put(nlmsgerr{-error, nlmsghdr{sizeof(nlmsghdr), 0, 0, sequence, 0}});
  return Message(NLMSG_ERROR, NLM_F_CAPPED, sequence, payload);
}

std::vector<uint8_t> Done(uint32_t sequence, uint16_t flags = 0) {
  return Message(NLMSG_DONE, static_cast<uint16_t>(NLM_F_MULTI | flags), sequence, std::vector<uint8_t>(4));
}

std::vector<uint8_t> Link(uint32_t sequence, uint16_t flags = NLM_F_MULTI) {
  const test::GoldenMessage golden("link-loopback");
  return Message(RTM_NEWLINK, flags, sequence, golden.get().payload);
}

std::vector<uint8_t> Join(const std::vector<std::vector<uint8_t>>& messages) {
  std::vector<uint8_t> all;
  for (const auto& message : messages) all.insert(all.end(), message.begin(), message.end());
  return all;
}

const DumpQuestion kLinks{rtnl::EncodeDumpLinks, RTM_NEWLINK};

rtnl::Encoded EncodeDelete(SpanWriter* out, uint32_t sequence) { return rtnl::EncodeDeleteLink(out, sequence, 5); }

// A task that notes how its request ended.
struct Deletion final : Worker::Task {
  explicit Deletion(std::vector<int>* errors_out) : errors(errors_out) {}
  void Run(std::unique_ptr<Task>, Connection* connection) override {
    errors->push_back(Request(connection, EncodeDelete).error);
  }
  std::vector<int>* errors;
};

std::vector<uint8_t> Entries(size_t count) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < count; ++i) {
    const rtnl::Entry entry = test::Neighbour(rtnl::kReplace);
    const auto* raw = reinterpret_cast<const uint8_t*>(&entry);
    bytes.insert(bytes.end(), raw, raw + sizeof(entry));
  }
  return bytes;
}

}  // namespace

TEST("a request passes over answers to earlier ones") {
  Stage stage;
  stage.Say(Verdict(0, EBUSY));
  stage.Say(Join({Verdict(99, EBUSY), Verdict(1, ENODEV)}));
  const Outcome outcome = Request(&stage.connection, EncodeDelete);
  CHECK(outcome.kind == Outcome::Kind::kRefused);
  CHECK_EQ(outcome.error, ENODEV);
}

TEST("a request that does not fit its buffer makes the buffer grow") {
  Stage stage({.timeout_ms = 5'000, .user_buffer = 16});
  stage.Say(Verdict(1, 0));
  CHECK(Request(&stage.connection, EncodeDelete).done());
  CHECK_EQ(stage.Heard().size(), 1u);
}

TEST("a request without an answer times out, and the next one is not taken in by the late answer") {
  Stage stage({.timeout_ms = 20});
  const Outcome late = Request(&stage.connection, EncodeDelete);
  CHECK(late.kind == Outcome::Kind::kSocket);
  CHECK_EQ(late.error, ETIMEDOUT);
  stage.Say(Verdict(1, EBUSY));
  const Outcome next = Request(&stage.connection, EncodeDelete);
  CHECK_EQ(next.error, ETIMEDOUT);
}

TEST("an answer that does not decode is a protocol error, not a success") {
  Stage stage;
  stage.Say(Message(NLMSG_ERROR, 0, 1, std::vector<uint8_t>(2)));
  CHECK(Request(&stage.connection, EncodeDelete).kind == Outcome::Kind::kProtocol);
  stage.Say({1, 2, 3});
  CHECK(Request(&stage.connection, EncodeDelete).kind == Outcome::Kind::kProtocol);
}

TEST("a socket whose other end is gone fails") {
  Stage stage;
  stage.kernel.Reset();
  CHECK(Request(&stage.connection, EncodeDelete).kind == Outcome::Kind::kSocket);
}

TEST("a dump collects messages of many datagrams of any size") {
  Stage stage({.timeout_ms = 5'000, .user_buffer = 256});
  std::vector<std::vector<uint8_t>> many(20, Link(1));
  stage.Say(Join(many));
  stage.Say(Link(1));
  stage.Say(Done(1));
  DumpResult result;
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  CHECK_EQ(result.records.size(), 21 * sizeof(rtnl::LinkRecord));
  CHECK(!result.interrupted);
}

TEST("a dump that the kernel calls interrupted is taken again, and only the whole one counts") {
  Stage stage;
  stage.Say(Join({Link(1), Link(1, NLM_F_MULTI | NLM_F_DUMP_INTR), Done(1)}));
  stage.Say(Join({Link(2), Done(2, NLM_F_DUMP_INTR)}));
  stage.Say(Join({Link(3), Done(3)}));
  DumpResult result;
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  CHECK(!result.interrupted);
  CHECK_EQ(result.records.size(), sizeof(rtnl::LinkRecord));
  CHECK_EQ(stage.Heard().size(), 3u);
}

TEST("a dump that stays interrupted is handed over as such after five attempts") {
  Stage stage;
  for (uint32_t attempt = 1; attempt <= 5; ++attempt) stage.Say(Join({Link(attempt), Done(attempt, NLM_F_DUMP_INTR)}));
  DumpResult result;
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  CHECK(result.interrupted);
  CHECK_EQ(result.records.size(), sizeof(rtnl::LinkRecord));
  CHECK_EQ(stage.Heard().size(), 5u);
}

TEST("a long dump that the kernel calls interrupted is handed over as such at once") {
  Stage stage({.timeout_ms = 5'000});
  Thread later;
  const int failed = later.Start([&stage] {
    usleep((kDumpPatienceMs + 20) * 1000);
    stage.Say(Join({Link(1), Done(1, NLM_F_DUMP_INTR)}));
  });
  CHECK_EQ(failed, 0);
  DumpResult result;
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  later.Join();
  CHECK(result.interrupted);
  CHECK_EQ(stage.Heard().size(), 1u);
}

TEST("a message of a dump that does not decode is passed over, counted and named, and the rest is read") {
  Stage stage;
  stage.Say(Join({Link(1), Message(RTM_NEWLINK, NLM_F_MULTI, 1, std::vector<uint8_t>{0, 1, 0xab, 0xcd})}));
  stage.Say(Join({Message(RTM_NEWLINK, NLM_F_MULTI, 1, {}), Link(1), Done(1)}));
  stage.Say(Join({Link(2), Done(2)}));
  DumpResult result;
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  CHECK_EQ(result.records.size(), 2 * sizeof(rtnl::LinkRecord));
  CHECK_EQ(result.unreadable.count, 2u);
  CHECK_EQ(result.unreadable.first, std::string("RTM_NEWLINK of 4 bytes: 0001abcd"));
  CHECK(!result.interrupted);
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  CHECK_EQ(result.unreadable.count, 0u);
  CHECK_EQ(result.unreadable.first, std::string());
}

TEST("a datagram of a dump that does not hold whole messages costs what is behind the break") {
  Stage stage;
  std::vector<uint8_t> broken = Join({Link(1), Link(1)});
  broken.resize(broken.size() - 5);
  stage.Say(broken);
  stage.Say(Join({Link(1), Done(1)}));
  DumpResult result;
  CHECK(Dump(&stage.connection, kLinks, &result).done());
  CHECK_EQ(result.records.size(), 2 * sizeof(rtnl::LinkRecord));
  CHECK_EQ(result.unreadable.count, 1u);
  CHECK(result.unreadable.first.starts_with("a datagram of "));
}

// The answers of a kernel that was asked for one thing and tells all it has: records, of which only the wanted stay.
static std::vector<uint8_t> Records(const DumpQuestion& question) {
  Stage stage;
  for (const char* name : {"link-loopback", "address-ipv4", "address-ipv6-nodad", "neighbour-ipv4", "neighbour-ipv6",
                           "fdb-ipv4", "fdb-ipv6", "route-ipv4", "route-ipv6", "route-default"}) {
    const test::GoldenMessage golden(name);
    stage.Say(Message(golden.get().header.nlmsg_type, NLM_F_MULTI, 1, golden.get().payload));
  }
  stage.Say(Done(1));
  DumpResult result;
  CHECK(Dump(&stage.connection, question, &result).done());
  CHECK_EQ(result.unreadable.count, 0u);
  return result.records;
}

TEST("of a dump only the type, family and link that were asked for are kept") {
  const Encoder any = rtnl::EncodeDumpLinks;
  CHECK_EQ(Records({any, RTM_NEWLINK}).size(), sizeof(rtnl::LinkRecord));
  CHECK_EQ(Records({any, RTM_NEWADDR}).size(), 2 * sizeof(rtnl::AddressRecord));
  for (const uint8_t family : {uint8_t{AF_INET}, uint8_t{AF_INET6}}) {
    const auto addresses = Records({any, RTM_NEWADDR, family});
    REQUIRE(addresses.size() == sizeof(rtnl::AddressRecord));
    CHECK_EQ(SpanReader(addresses).Read<rtnl::AddressRecord>().family, family);
    CHECK_EQ(Records({any, RTM_NEWROUTE, family}).size(), (family == AF_INET ? 2 : 1) * sizeof(rtnl::Entry));
    const auto neighbours = Records({any, RTM_NEWNEIGH, family});
    REQUIRE(neighbours.size() == sizeof(rtnl::Entry));
    CHECK_EQ(SpanReader(neighbours).Read<rtnl::Entry>().kind, rtnl::kNeighbour);
  }
  CHECK_EQ(Records({any, RTM_NEWNEIGH, AF_BRIDGE}).size(), 2 * sizeof(rtnl::Entry));
  for (const uint32_t ifindex : {4u, 5u}) {
    const auto fdb = Records({any, RTM_NEWNEIGH, AF_BRIDGE, ifindex});
    REQUIRE(fdb.size() == sizeof(rtnl::Entry));
    CHECK_EQ(SpanReader(fdb).Read<rtnl::Entry>().ifindex, ifindex);
  }
  CHECK(Records({any, RTM_NEWNEIGH, AF_INET, 99}).empty());
}

TEST("what does not decode and was not asked for is not counted") {
  Stage stage;
  stage.Say(Message(RTM_NEWADDR, NLM_F_MULTI, 1, std::vector<uint8_t>{AF_INET, 0}));
  stage.Say(Message(RTM_NEWROUTE, NLM_F_MULTI, 1, std::vector<uint8_t>{AF_INET, 0}));
  stage.Say(Message(RTM_NEWROUTE, NLM_F_MULTI, 1, std::vector<uint8_t>{AF_INET6, 0}));
  stage.Say(Done(1));
  DumpResult result;
  CHECK(Dump(&stage.connection, {rtnl::EncodeDumpLinks, RTM_NEWROUTE, AF_INET6}, &result).done());
  CHECK_EQ(result.unreadable.count, 1u);
}

TEST("a batch asks for one acknowledgement a chunk and numbers its messages") {
  Stage stage;
  stage.Say(Verdict(3, 0));
  stage.Say(Verdict(5, 0));
  BatchResult result;
  CHECK(ApplyBatch(&stage.connection, Entries(5), 3, &result).done());
  CHECK((result.errnos == std::vector<int32_t>{0, 0, 0, 0, 0}));
  const auto heard = stage.Heard();
  REQUIRE(heard.size() == 2 && heard[0].size() == 3 && heard[1].size() == 2);
  CHECK_EQ(heard[0][0].nlmsg_flags & NLM_F_ACK, 0);
  CHECK_EQ(heard[0][2].nlmsg_flags & NLM_F_ACK, NLM_F_ACK);
  CHECK_EQ(heard[0][2].nlmsg_seq, 3u);
  CHECK_EQ(heard[1][1].nlmsg_flags & NLM_F_ACK, NLM_F_ACK);
}

TEST("a batch whose messages do not fit the buffer goes in more chunks, or grows it for one") {
  for (const size_t bytes : {size_t{16}, size_t{64}, size_t{256}}) {
    Stage stage({.timeout_ms = 5'000, .user_buffer = bytes});
    for (uint32_t sequence = 1; sequence <= 7; ++sequence) stage.Say(Verdict(sequence, 0));
    BatchResult result;
    CHECK(ApplyBatch(&stage.connection, Entries(7), 256, &result).done());
    CHECK((result.errnos == std::vector<int32_t>(7, 0)));
    size_t messages = 0;
    for (const auto& datagram : stage.Heard()) messages += datagram.size();
    CHECK_EQ(messages, 7u);
  }
}

TEST("refusals are told by sequence number, whatever the last entry got") {
  Stage stage;
  stage.Say(Verdict(2, ENODEV));
  stage.Say(Verdict(4, EBUSY));
  BatchResult result;
  CHECK(ApplyBatch(&stage.connection, Entries(4), 256, &result).done());
  CHECK((result.errnos == std::vector<int32_t>{0, ENODEV, 0, EBUSY}));
  CHECK((result.failed == std::vector<uint32_t>{1, 3}));
  CHECK_EQ(result.texts.size(), 1u);
}

TEST("an entry that cannot be sent is refused on the spot, the others go") {
  Stage stage;
  std::vector<uint8_t> entries = Entries(3);
  entries[2 * sizeof(rtnl::Entry)] = 0;
  stage.Say(Verdict(2, 0));
  BatchResult result;
  CHECK(ApplyBatch(&stage.connection, entries, 256, &result).done());
  CHECK((result.errnos == std::vector<int32_t>{0, 0, EINVAL}));
}

TEST("a chunk whose acknowledgement never comes leaves its entries and the later ones unknown") {
  Stage stage({.timeout_ms = 20});
  stage.Say(Verdict(2, 0));
  stage.Say(Verdict(3, ENODEV));
  BatchResult result;
  CHECK(ApplyBatch(&stage.connection, Entries(6), 2, &result).done());
  CHECK((result.errnos == std::vector<int32_t>{0, 0, ENODEV, kUnknown, kUnknown, kUnknown}));
  CHECK_EQ(stage.Heard().size(), 2u);
}

static std::vector<uint8_t> Questions(size_t count) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < count; ++i) {
    rtnl::Entry entry{};
    entry.kind = rtnl::kFdb;
    entry.ifindex = 4;
    const auto* raw = reinterpret_cast<const uint8_t*>(&entry);
    bytes.insert(bytes.end(), raw, raw + sizeof(entry));
  }
  return bytes;
}

static std::vector<uint8_t> Fdb(uint32_t sequence, const char* name = "fdb-ipv4") {
  const test::GoldenMessage golden(name);
  return Message(RTM_NEWNEIGH, 0, sequence, golden.get().payload);
}

TEST("FDB entries are looked up in chunks, and those that exist come in the order of the questions") {
  // In the smallest buffer there is room for one question at a time.
  for (const size_t bytes : {size_t{16}, size_t{128}, size_t{4096}}) {
    Stage stage({.timeout_ms = 5'000, .user_buffer = bytes});
    stage.Say(Verdict(99, EBUSY));
    stage.Say(Fdb(1));
    stage.Say(Verdict(2, ENOENT));
    stage.Say(Fdb(3, "fdb-ipv6"));
    stage.Say(Join({Fdb(4)}));
    stage.Say(Verdict(5, ENOENT));
    std::vector<uint8_t> found;
    CHECK(GetFdb(&stage.connection, Questions(5), 3, &found).done());
    REQUIRE(found.size() == 3 * sizeof(rtnl::Entry));
    SpanReader reader(found);
    CHECK_EQ(reader.Read<rtnl::Entry>().family, AF_INET);
    CHECK_EQ(reader.Read<rtnl::Entry>().family, AF_INET6);
    CHECK_EQ(reader.Read<rtnl::Entry>().family, AF_INET);
    const auto heard = stage.Heard();
    CHECK_EQ(heard.size(), bytes == 16 ? 5u : 2u);
    CHECK_EQ(heard.front().front().nlmsg_flags, NLM_F_REQUEST);
  }
}

TEST("a refusal of a look-up is told once every answer has been taken") {
  Stage stage;
  stage.Say(Join({Verdict(1, ENODEV), Fdb(2)}));
  stage.Say(Verdict(3, EOPNOTSUPP));
  std::vector<uint8_t> found;
  const Outcome outcome = GetFdb(&stage.connection, Questions(3), 256, &found);
  CHECK(outcome.kind == Outcome::Kind::kRefused);
  CHECK_EQ(outcome.error, ENODEV);
  CHECK(!stage.connection.leftovers);
  stage.Say(Verdict(4, 0));
  CHECK(Request(&stage.connection, EncodeDelete).done());
}

TEST("a look-up without an answer times out, and an answer that does not decode is no absence") {
  Stage stage({.timeout_ms = 20});
  std::vector<uint8_t> found;
  stage.Say(Message(RTM_NEWNEIGH, 0, 1, std::vector<uint8_t>{AF_BRIDGE}));
  const Outcome outcome = GetFdb(&stage.connection, Questions(1), 256, &found);
  CHECK(outcome.kind == Outcome::Kind::kProtocol);
  CHECK_EQ(outcome.text, std::string("RTM_NEWNEIGH of 1 bytes: 07"));
  CHECK(GetFdb(&stage.connection, {}, 256, &found).done());
  CHECK(found.empty());
  CHECK_EQ(GetFdb(&stage.connection, Entries(1), 256, &found).error, EINVAL);
  stage.Say(Fdb(2));
  CHECK_EQ(GetFdb(&stage.connection, Questions(2), 256, &found).error, ETIMEDOUT);
  CHECK(stage.connection.leftovers);
}

TEST("a wait is cancelled from another thread, and nothing is sent afterwards") {
  Stage stage;
  Thread thread;
  CHECK_EQ(thread.Start([&] { stage.connection.Cancel(); }), 0);
  CHECK_EQ(stage.connection.Receive(Connection::kForever).error, ECANCELED);
  thread.Join();
  CHECK_EQ(Request(&stage.connection, EncodeDelete).error, ECANCELED);
  CHECK(stage.Heard().empty());
}

TEST("a worker that is stopped ends what is under way and what is queued with ECANCELED, in order") {
  int ends[2] = {-1, -1};
  CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd kernel(ends[1]);
  auto connection = std::make_unique<Connection>();
  CHECK(connection->Adopt(UniqueFd(ends[0]), {.timeout_ms = 60'000}).done());
  Worker worker(std::move(connection));
  std::vector<int> errors;
  std::atomic<bool> ended{false};
  std::unique_ptr<Worker::Task> task;
  for (int i = 0; i < 3; ++i) {
    task = std::make_unique<Deletion>(&errors);
    CHECK_EQ(worker.Submit(&task), 0);
  }
  worker.Stop([&] { ended = true; });
  task = std::make_unique<Deletion>(&errors);
  CHECK_EQ(worker.Submit(&task), ECANCELED);
  CHECK(task != nullptr);
  worker.Join();
  CHECK(ended.load());
  CHECK((errors == std::vector<int>{ECANCELED, ECANCELED, ECANCELED}));
}

TEST("a wait that is interrupted ends, what was asked leaves its answers behind, and after Resume the next one is whole") {
  Stage stage;
  Thread thread;
  CHECK_EQ(thread.Start([&] {
             std::vector<uint8_t> room(256);
             CHECK(recv(stage.kernel.get(), room.data(), room.size(), 0) > 0);
             stage.connection.Interrupt();
           }),
           0);
  CHECK_EQ(Request(&stage.connection, EncodeDelete).error, ECANCELED);
  thread.Join();
  CHECK(stage.connection.leftovers);
  stage.connection.Drain();
  CHECK(stage.connection.leftovers);
  stage.connection.Resume();
  stage.connection.Resume();
  stage.Say(Verdict(1, EBUSY));
  stage.connection.Drain();
  CHECK(!stage.connection.leftovers);
  stage.Say(Verdict(2, 0));
  CHECK(Request(&stage.connection, EncodeDelete).done());
}

TEST("tasks that wait are withdrawn and never run, one under way is interrupted, and those behind it are not") {
  int ends[2] = {-1, -1};
  CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd kernel(ends[1]);
  auto connection = std::make_unique<Connection>();
  CHECK(connection->Adopt(UniqueFd(ends[0]), {.timeout_ms = 60'000}).done());
  Worker worker(std::move(connection));
  std::vector<int> errors;
  for (const uint32_t id : {7u, 8u, 0u, 10u}) {
    std::unique_ptr<Worker::Task> task = std::make_unique<Deletion>(&errors);
    CHECK_EQ(worker.Submit(&task, id), 0);
  }
  // The first has sent its request and waits for the answer.
  std::vector<uint8_t> room(256);
  CHECK(recv(kernel.get(), room.data(), room.size(), 0) > 0);
  CHECK(worker.Withdraw({}).empty());
  CHECK(worker.Withdraw({0, 9}).empty());
  // Those behind what is interrupted are out of the queue before it goes on.
  CHECK_EQ(worker.Withdraw({7, 8, 10}).size(), 2u);
  CHECK(worker.Withdraw({7, 8, 10}).empty());
  CHECK(recv(kernel.get(), room.data(), room.size(), 0) > 0);
  std::atomic<bool> ended{false};
  worker.Stop([&] { ended = true; });
  worker.Join();
  CHECK_EQ(errors.size(), 2u);
  CHECK_EQ(errors.front(), ECANCELED);
}

TEST("a whole message goes out as it is, with a number and the flags of a request, and brings what is answered before its end") {
  Stage stage;
  std::vector<uint8_t> request(sizeof(nlmsghdr) + 4);
  SpanWriter out(request);
  out.Put(nlmsghdr{static_cast<uint32_t>(request.size()), RTM_GETLINK, NLM_F_ECHO, 99, 77});
  stage.Say(Join({Link(98, 0), Link(1, 0), Verdict(1, 0)}));
  RawResult result;
  CHECK(Transact(&stage.connection, request, false, &result).done());
  CHECK_EQ(result.messages.size(), Link(1, 0).size());
  const auto heard = stage.Heard();
  CHECK_EQ(heard.size(), 1u);
  CHECK_EQ(heard[0][0].nlmsg_flags, NLM_F_ECHO | NLM_F_REQUEST | NLM_F_ACK);
  CHECK_EQ(heard[0][0].nlmsg_seq, 1u);
  CHECK_EQ(heard[0][0].nlmsg_pid, 0u);
}

TEST("a dump of whole messages is repeated where it is interrupted, and what came is there when the socket fails") {
  std::vector<uint8_t> request(sizeof(nlmsghdr));
  SpanWriter(request).Put(nlmsghdr{sizeof(nlmsghdr), RTM_GETLINK, NLM_F_DUMP, 0, 0});
  Stage stage({.timeout_ms = 20});
  stage.Say(Join({Link(1), Done(1, NLM_F_DUMP_INTR)}));
  stage.Say(Join({Link(2), Link(2), Done(2)}));
  RawResult result;
  CHECK(Transact(&stage.connection, request, true, &result).done());
  CHECK(!result.interrupted);
  CHECK_EQ(result.messages.size(), 2 * Link(2).size());
  CHECK_EQ(stage.Heard()[0][0].nlmsg_flags, NLM_F_DUMP | NLM_F_REQUEST);
  stage.Say(Link(3));
  CHECK_EQ(Transact(&stage.connection, request, true, &result).error, ETIMEDOUT);
  CHECK_EQ(result.messages.size(), Link(3).size());
}

TEST("what is no request is not sent: too short, of another length than it says, or one of netlink's own messages") {
  Stage stage;
  RawResult result;
  std::vector<uint8_t> request(sizeof(nlmsghdr));
  for (const nlmsghdr& header : {nlmsghdr{sizeof(nlmsghdr) + 4, RTM_GETLINK, 0, 0, 0}, nlmsghdr{4, RTM_GETLINK, 0, 0, 0},
                                 nlmsghdr{sizeof(nlmsghdr), NLMSG_DONE, 0, 0, 0}}) {
    SpanWriter(request).Put(header);
    CHECK_EQ(Transact(&stage.connection, request, false, &result).error, EINVAL);
  }
  CHECK_EQ(Transact(&stage.connection, {}, false, &result).error, EINVAL);
  CHECK_EQ(Transact(&stage.connection, Bytes(request).first(15), true, &result).error, EINVAL);
  CHECK(stage.Heard().empty());
}

TEST("a datagram that is handed on as it is stands behind its length, padded") {
  std::vector<uint8_t> events;
  AppendRaw(std::vector<uint8_t>{1, 2, 3, 4, 5}, &events);
  AppendRaw(std::vector<uint8_t>{6}, &events);
  CHECK_EQ(events.size(), 2 * sizeof(rtnl::EventHeader) + 8 + 4);
  SpanReader reader(events);
  const auto header = reader.Read<rtnl::EventHeader>();
  CHECK_EQ(header.type, rtnl::kRawEvent);
  CHECK_EQ(header.value, 5u);
}

TEST("a worker that never worked stops at once") {
  auto connection = std::make_unique<Connection>();
  Stage stage;
  CHECK(connection->Adopt(std::move(stage.kernel), {}).done());
  Worker worker(std::move(connection));
  bool ended = false;
  worker.Stop([&] { ended = true; });
  CHECK(ended);
}

TEST("a chunk is what the receive buffer holds of refusals, at most 256") {
  CHECK_EQ(DefaultChunk(0), 1u);
  CHECK_EQ(DefaultChunk(10'240), 10u);
  CHECK_EQ(DefaultChunk(212'992), 208u);
  CHECK_EQ(DefaultChunk(4 << 20), 256u);
}

TEST("a datagram of notifications becomes events, and what does not decode an overrun") {
  std::vector<uint8_t> events;
  AppendEvents(test::Golden("event-route-deleted"), &events);
  CHECK_EQ(events.size(), sizeof(rtnl::EventHeader) + sizeof(rtnl::Entry));
  CHECK_EQ(events[0], rtnl::kEntryEvent);
  CHECK_EQ(events[1], rtnl::kDeleted);
  events.clear();
  AppendEvents(test::Golden("event-bridge-port-left"), &events);
  CHECK(events.empty());
  AppendEvents(Message(RTM_NEWLINK, 0, 0, std::vector<uint8_t>(4)), &events);
  AppendEvents(std::vector<uint8_t>{1, 2, 3}, &events);
  REQUIRE(events.size() == 2 * sizeof(rtnl::EventHeader));
  SpanReader reader(events);
  for (const uint32_t what : {uint32_t{RTM_NEWLINK}, rtnl::kBrokenFrame}) {
    const auto header = reader.Read<rtnl::EventHeader>();
    CHECK_EQ(header.type, rtnl::kOverrunEvent);
    CHECK_EQ(header.value, what);
  }
}

TEST("what does not decode is named by its type and its first bytes") {
  const std::vector<uint8_t> bytes = Message(RTM_NEWROUTE, 0, 0, std::vector<uint8_t>(70, 0x0a));
  nl::MessageReader reader(bytes);
  const auto message = reader.Next();
  REQUIRE(message.has_value());
  std::string expected = "RTM_NEWROUTE of 70 bytes: ";
  for (int i = 0; i < 64; ++i) expected += "0a";
  CHECK_EQ(rtnl::Describe(*message), expected + "…");
  CHECK_EQ(rtnl::Describe({{0, 99, 0, 0, 0}, {}}), std::string("message type 99 of 0 bytes: "));
}

}  // namespace vtepd::sock
