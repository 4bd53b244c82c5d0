#include "base/heap.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace vtepd {

namespace {

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

// Mappings of files that nobody can write, and that hold no page of our own: dropping those loses nothing. smaps(5) tells, a
// line for each mapping and then its figures in KiB.
// By stdio: the streams of C++ would make the prebuilt addon half as large again.
std::vector<Range> CleanFileMappings() {
  std::vector<Range> clean;
  std::FILE* smaps = std::fopen("/proc/self/smaps", "re");
  if (smaps == nullptr) return clean;
  Range range;
  bool readable_file = false;
  char* line = nullptr;
  size_t size = 0;
  while (getline(&line, &size, smaps) > 0) {
    Range next;
    char rights[5] = "";
    uint64_t kibibytes = 0;
    if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &next.begin, &next.end, rights) == 3) {
      range = next;
      readable_file =
          rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p' && std::strstr(line, " /") != nullptr;
    } else if (readable_file && std::sscanf(line, "Anonymous: %" SCNu64, &kibibytes) == 1 && kibibytes == 0) {
      clean.push_back(range);
    }
  }
  std::free(line);
  std::fclose(smaps);
  return clean;
}

}  // namespace

void ReturnLargeBlocksEarly() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

size_t ReturnUnused() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  size_t bytes = 0;
  for (const Range& range : CleanFileMappings())
    if (madvise(reinterpret_cast<void*>(range.begin), range.end - range.begin, MADV_DONTNEED) == 0)
      bytes += range.end - range.begin;
  return bytes;
}

}  // namespace vtepd
