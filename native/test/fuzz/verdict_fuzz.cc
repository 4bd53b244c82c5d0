#include <linux/rtnetlink.h>

#include "nl/error.h"
#include "target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vtepd;
  const nl::Message message = test::MessageOf({data, size}, {NLMSG_ERROR, NLMSG_DONE});
  if (const auto verdict = nl::DecodeVerdict(message)) test::Expect(verdict->error >= 0);
  return 0;
}
