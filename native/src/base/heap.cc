#include "base/heap.h"

#include <malloc.h>

namespace vtepd {

void ReturnLargeBlocksEarly() {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

}  // namespace vtepd
