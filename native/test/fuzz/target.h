// What every fuzz target shares: the input as one message. Each target is one decoder; a finding is a crash, a sanitizer's
// report, or a broken promise (Expect).
#ifndef VTEPD_TEST_FUZZ_TARGET_H_
#define VTEPD_TEST_FUZZ_TARGET_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "nl/message.h"

// Called by libFuzzer, or by driver.cc where there is none.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace vtepd::test {

// The input as a message of one of `types`, picked by its first byte. The rest is header flags and payload.
template <size_t kCount>
nl::Message MessageOf(Bytes input, const uint16_t (&types)[kCount]) {
  nl::Message message;
  if (input.size() < 2) return message;
  message.header.nlmsg_type = types[input[0] % kCount];
  message.header.nlmsg_flags = static_cast<uint16_t>(input[1] << 8);
  message.payload = input.subspan(2);
  return message;
}

inline void Expect(bool promise) {
  if (!promise) std::abort();
}

}  // namespace vtepd::test

#endif  // VTEPD_TEST_FUZZ_TARGET_H_
