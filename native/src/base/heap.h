// How this process' memory goes back to the system. Must not: be called on behalf of a program that only imports us.
#ifndef VTEPD_BASE_HEAP_H_
#define VTEPD_BASE_HEAP_H_

#include <cstddef>

namespace vtepd {

// From now on a block of 128 KiB or more goes back to the system when it is freed. Left alone, glibc keeps such memory for
// itself once the first one was freed (mallopt(3), M_MMAP_THRESHOLD), up to 64 MiB of it. Nothing to do with other libraries.
void ReturnLargeBlocksEarly();

// Gives back what malloc holds without using it, in every arena, and the pages of program files that this process has read
// so far: code of a start, mostly. They stay in the kernel's page cache, and those that are needed come back by a fault.
// Returns how many bytes of files that were. Text that was relocated, patched or moved to huge pages is left alone.
size_t ReturnUnused();

}  // namespace vtepd

#endif  // VTEPD_BASE_HEAP_H_
