// Messages captured from a real kernel (golden/*.hex): each file opens with the command that made the kernel say it.
#ifndef VTEPD_TEST_GOLDEN_H_
#define VTEPD_TEST_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "nl/message.h"

namespace vtepd::test {

// The bytes of golden/NAME.hex; empty when there is no such file.
[[nodiscard]] std::vector<uint8_t> Golden(const std::string& name);
// Every golden file, in the order of the names.
[[nodiscard]] std::vector<std::vector<uint8_t>> AllGolden();

// The one message of golden/NAME.hex. Holds the bytes that the message points into.
class GoldenMessage {
 public:
  explicit GoldenMessage(const std::string& name);
  [[nodiscard]] const nl::Message& get() const { return message_; }
  [[nodiscard]] Bytes bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
  nl::Message message_;
};

}  // namespace vtepd::test

#endif  // VTEPD_TEST_GOLDEN_H_
