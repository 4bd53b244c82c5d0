#include <fcntl.h>

#include <array>
#include <atomic>
#include <cerrno>

#include "base/span_reader.h"
#include "base/span_writer.h"
#include "base/thread.h"
#include "base/unique_fd.h"
#include "check.h"

namespace vtepd {

TEST("a reader yields zeros and fails for good once a value does not fit") {
  const std::array<uint8_t, 5> bytes{1, 2, 3, 4, 5};
  SpanReader reader(bytes);
  CHECK_EQ(reader.Read<uint8_t>(), 1);
  CHECK_EQ(reader.Read<uint64_t>(), 0u);
  CHECK(reader.failed());
  CHECK_EQ(reader.Read<uint8_t>(), 0);
}

TEST("a reader may skip padding that is not there") {
  const std::array<uint8_t, 2> bytes{1, 2};
  SpanReader reader(bytes);
  reader.Skip(7);
  CHECK(reader.empty());
  CHECK(!reader.failed());
}

TEST("a writer never writes beyond its room, and sticks") {
  std::array<uint8_t, 6> room{9, 9, 9, 9, 9, 9};
  SpanWriter writer(std::span<uint8_t>(room).first(4));
  writer.Put(uint16_t{0x0101});
  writer.Put(uint32_t{0xffffffff});
  writer.Put(uint8_t{7});
  CHECK(!writer.fits());
  CHECK_EQ(writer.size(), 2u);
  CHECK((room == std::array<uint8_t, 6>{1, 1, 9, 9, 9, 9}));
}

TEST("a writer patches what it has written and nothing else") {
  std::array<uint8_t, 4> room{};
  SpanWriter writer(room);
  writer.PutZeros(2);
  writer.Patch(0, uint16_t{0xffff});
  writer.Patch(1, uint16_t{0xffff});
  CHECK((room == std::array<uint8_t, 4>{0xff, 0xff, 0, 0}));
}

TEST("a descriptor is closed exactly once, by its last owner") {
  UniqueFd first(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = first.get();
  UniqueFd second(std::move(first));
  CHECK(!first.valid());
  CHECK(fcntl(fd, F_GETFD) >= 0);
  second.Reset();
  CHECK(fcntl(fd, F_GETFD) < 0 && errno == EBADF);
}

TEST("a thread runs its body once and is joined") {
  std::atomic<int> runs{0};
  Thread thread;
  CHECK_EQ(thread.Start([&] { ++runs; }), 0);
  thread.Join();
  thread.Join();
  CHECK_EQ(runs.load(), 1);
}

}  // namespace vtepd
