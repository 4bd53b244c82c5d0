// How this process' malloc treats large blocks. Must not: be called on behalf of a program that only imports us.
#ifndef VTEPD_BASE_HEAP_H_
#define VTEPD_BASE_HEAP_H_

namespace vtepd {

// From now on a block of 128 KiB or more goes back to the system when it is freed. Left alone, glibc keeps such memory for
// itself once the first one was freed (mallopt(3), M_MMAP_THRESHOLD), up to 64 MiB of it. Nothing to do with other libraries.
void ReturnLargeBlocksEarly();

}  // namespace vtepd

#endif  // VTEPD_BASE_HEAP_H_
