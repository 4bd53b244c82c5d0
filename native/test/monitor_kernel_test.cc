// The monitor on a real kernel, in a network namespace of the test's own: what no script can play, a queue that overflows.
#include <linux/rtnetlink.h>
#include <sched.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "base/thread.h"
#include "check.h"
#include "rtnl/link.h"
#include "samples.h"
#include "sock/batch.h"
#include "sock/monitor.h"
#include "sock/transaction.h"

namespace vtepd::sock {

namespace {

// More than any receive buffer here holds.
constexpr size_t kNeighbours = 20'000;
constexpr std::chrono::seconds kPatience{60};

// Runs `body` on a thread that has a namespace for itself; says so where that is refused.
void InOwnNamespace(const std::function<void()>& body) {
  Thread thread;
  CHECK_EQ(thread.Start([&] {
    if (unshare(CLONE_NEWNET) == 0) return body();
    std::printf("# skipped: no network namespace for the test (%s)\n", std::strerror(errno));
  }),
           0);
  thread.Join();
}

Outcome CreateBridge(Connection* connection, const char* name) {
  rtnl::LinkRecord link{};
  link.kind = test::Name("bridge");
  link.ifname = test::Name(name);
  link.fields = rtnl::kHasName;
  return Request(connection, [&](SpanWriter* out, uint32_t sequence) {
    return rtnl::EncodeCreateLink(out, sequence, link, nullptr);
  });
}

// The index of the link of that name; 0: there is none.
uint32_t IndexOf(Connection* connection, const std::string& name) {
  DumpResult result;
  CHECK(Dump(connection, {rtnl::EncodeDumpLinks, RTM_NEWLINK}, &result).done());
  for (size_t at = 0; at < result.records.size(); at += sizeof(rtnl::LinkRecord)) {
    rtnl::LinkRecord link;
    std::memcpy(&link, result.records.data() + at, sizeof(link));
    if (name == link.ifname.data()) return link.ifindex;
  }
  return 0;
}

std::vector<uint8_t> Neighbours(uint32_t ifindex) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < kNeighbours; ++i) {
    rtnl::Entry entry = test::Neighbour(rtnl::kCreate);
    entry.ifindex = ifindex;
    entry.dst = {10, 9, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    const auto* raw = reinterpret_cast<const uint8_t*>(&entry);
    bytes.insert(bytes.end(), raw, raw + sizeof(entry));
  }
  return bytes;
}

// Stands for a reader that is late: holds the monitor's thread in its first delivery until the queue is full, and deletes
// a link in the very moment in which the first overrun is told.
class LateReader {
 public:
  LateReader(Connection* connection, uint32_t doomed) : connection_(connection), doomed_(doomed) {}

  bool Deliver(const std::vector<uint8_t>& events) {
    std::unique_lock lock(mutex_);
    entered_ = true;
    changed_.notify_all();
    changed_.wait_for(lock, kPatience, [&] { return released_; });
    SpanReader reader(events);
    while (!reader.empty()) Hear(&reader);
    changed_.notify_all();
    return true;
  }

  [[nodiscard]] bool UntilEntered() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return entered_; });
  }

  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }

  // Whether an overrun was told after the link was gone.
  [[nodiscard]] bool UntilToldAgain() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return overruns_ > 1; });
  }

  [[nodiscard]] bool heard_deletion() {
    const std::lock_guard lock(mutex_);
    return heard_deletion_;
  }

 private:
  void Hear(SpanReader* reader) {
    const auto header = reader->Read<rtnl::EventHeader>();
    if (header.type == rtnl::kOverrunEvent && overruns_++ == 0) {
      const Outcome outcome = Request(connection_, [&](SpanWriter* out, uint32_t sequence) {
        return rtnl::EncodeDeleteLink(out, sequence, doomed_);
      });
      CHECK(outcome.done());
    }
    if (header.type == rtnl::kEntryEvent) [[maybe_unused]] const auto entry = reader->Read<rtnl::Entry>();
    if (header.type != rtnl::kLinkEvent) return;
    const auto link = reader->Read<rtnl::LinkRecord>();
    if (header.action == rtnl::kDeleted && link.ifindex == doomed_) heard_deletion_ = true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  Connection* connection_;
  uint32_t doomed_;
  bool entered_ = false;
  bool released_ = false;
  bool heard_deletion_ = false;
  int overruns_ = 0;
};

void WatchAFullQueue() {
  Connection writer;
  Connection deleter;
  REQUIRE(writer.Open(Netns(), {}).done() && deleter.Open(Netns(), {}).done());
  REQUIRE(CreateBridge(&writer, "busy").done() && CreateBridge(&writer, "doomed").done());
  const uint32_t doomed = IndexOf(&writer, "doomed");

  LateReader reader(&deleter, doomed);
  Monitor monitor;
  REQUIRE(monitor.Open(Netns(), {.groups = {RTNLGRP_LINK, RTNLGRP_NEIGH}, .connection = {.receive_buffer = 1 << 20}}).done());
  REQUIRE(monitor.Start([&](std::vector<uint8_t> events) { return reader.Deliver(events); }) == 0);
  REQUIRE(CreateBridge(&writer, "first").done() && reader.UntilEntered());
  BatchResult result;
  CHECK(ApplyBatch(&writer, Neighbours(IndexOf(&writer, "busy")), 256, &result).done());
  CHECK(result.failed.empty());
  reader.Release();
  CHECK(reader.UntilToldAgain());
  // The deletion was dropped: only a dump could tell, and only one made after the second overrun was sure to.
  CHECK(!reader.heard_deletion());
  CHECK_EQ(IndexOf(&writer, "doomed"), 0u);
  monitor.Stop();
}

}  // namespace

TEST("an overflow is told at once, and once more when the queue has been empty, for what was dropped meanwhile") {
  InOwnNamespace(WatchAFullQueue);
}

TEST("a mark is told behind everything that was queued when it was asked for, and each of several counts") {
  InOwnNamespace([] {
    Connection connection;
    CHECK(connection.Open({}, {}).done());
    std::mutex mutex;
    std::condition_variable changed;
    size_t links = 0;
    size_t links_at_mark = 0;
    uint32_t marks = 0;
    Monitor monitor;
    MonitorOptions options;
    options.groups = {RTNLGRP_LINK};
    CHECK(monitor.Open({}, options).done());
    CHECK_EQ(monitor.Start([&](const std::vector<uint8_t>& events) {
      const std::lock_guard lock(mutex);
      for (SpanReader reader(events); !reader.empty();) {
        const auto header = reader.Read<rtnl::EventHeader>();
        if (header.type == rtnl::kLinkEvent) {
          [[maybe_unused]] const auto link = reader.Read<rtnl::LinkRecord>();
          ++links;
        }
        if (header.type != rtnl::kMarkEvent) continue;
        marks += header.value;
        links_at_mark = links;
      }
      changed.notify_all();
      return true;
    }),
             0);
    const auto until_marked = [&](uint32_t wanted) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, kPatience, [&] { return marks == wanted; });
    };
    monitor.Mark();
    CHECK(until_marked(1));
    for (int i = 0; i < 50; ++i) CHECK(CreateBridge(&connection, ("br" + std::to_string(i)).c_str()).done());
    for (int i = 0; i < 3; ++i) monitor.Mark();
    CHECK(until_marked(4));
    CHECK(links_at_mark >= 50);
    monitor.Mark();
    monitor.Stop();
  });
}

}  // namespace vtepd::sock
