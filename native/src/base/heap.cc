#include "base/heap.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace vtepd {

namespace {

struct Range {
  uintptr_t begin = 0;
  uintptr_t end = 0;
};

// Mappings of files that nobody can write, and that hold no page of our own: dropping those loses nothing. smaps(5) tells, a
// line for each mapping and then its figures in KiB.
std::vector<Range> CleanFileMappings() {
  std::ifstream smaps("/proc/self/smaps");
  std::vector<Range> clean;
  Range range;
  bool readable_file = false;
  for (std::string line; std::getline(smaps, line);) {
    Range next;
    char rights[5] = "";
    uint64_t kibibytes = 0;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &next.begin, &next.end, rights) == 3) {
      range = next;
      readable_file = rights[0] == 'r' && rights[1] == '-' && rights[3] == 'p' && line.find(" /") != std::string::npos;
    } else if (readable_file && std::sscanf(line.c_str(), "Anonymous: %" SCNu64, &kibibytes) == 1 && kibibytes == 0) {
      clean.push_back(range);
    }
  }
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
