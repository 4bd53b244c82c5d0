// Stands in for libFuzzer where the compiler has none: takes the golden messages and changes them, repeatably.
//   link_fuzz -runs=1000000 [-seed=N]
// It does not look at coverage; the sanitizers and the targets' own promises are what it has.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "golden.h"
#include "target.h"

namespace {

using Input = std::vector<uint8_t>;
using Random = std::mt19937_64;

size_t Below(Random* random, size_t limit) { return limit == 0 ? 0 : (*random)() % limit; }

// A golden message, with or without its header, in the form that a target expects (target.h).
Input Seed(const std::vector<Input>& golden, Random* random) {
  const Input& message = golden[Below(random, golden.size())];
  if (Below(random, 2) == 0) return message;
  Input input{static_cast<uint8_t>((*random)()), static_cast<uint8_t>((*random)())};
  input.insert(input.end(), message.begin() + sizeof(nlmsghdr), message.end());
  return input;
}

void Change(Input* input, const std::vector<Input>& golden, Random* random) {
  constexpr uint8_t kTelling[] = {0, 1, 3, 4, 5, 8, 16, 127, 128, 255};
  const size_t at = Below(random, input->size());
  const auto position = input->begin() + static_cast<ptrdiff_t>(at);
  switch (Below(random, 6)) {
    case 0:
      if (!input->empty()) (*input)[at] = static_cast<uint8_t>((*random)());
      break;
    case 1:
      if (!input->empty()) (*input)[at] = kTelling[Below(random, std::size(kTelling))];
      break;
    case 2:
      input->resize(at);
      break;
    case 3:
      input->insert(position, Below(random, 9), static_cast<uint8_t>((*random)()));
      break;
    case 4:
      input->erase(position, position + static_cast<ptrdiff_t>(Below(random, input->size() - at + 1)));
      break;
    default: {
      const Input& other = golden[Below(random, golden.size())];
      const size_t from = Below(random, other.size());
      const size_t count = Below(random, other.size() - from + 1);
      const auto start = other.begin() + static_cast<ptrdiff_t>(from);
      input->insert(position, start, start + static_cast<ptrdiff_t>(count));
    }
  }
}

unsigned long Option(int argc, char** argv, const std::string& name, unsigned long otherwise) {
  for (int i = 1; i < argc; ++i)
    if (const std::string argument = argv[i]; argument.starts_with(name)) return std::stoul(argument.substr(name.size()));
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long runs = Option(argc, argv, "-runs=", 100'000);
  Random random(Option(argc, argv, "-seed=", 1));
  const std::vector<Input> golden = vtepd::test::AllGolden();
  if (golden.empty()) {
    std::fprintf(stderr, "no golden messages in %s\n", VTEPD_GOLDEN_FOLDER);
    return 1;
  }
  for (unsigned long run = 0; run < runs; ++run) {
    Input input = Seed(golden, &random);
    for (size_t changes = Below(&random, 6); changes > 0; --changes) Change(&input, golden, &random);
    // A copy of the exact size: AddressSanitizer then sees a read one byte beyond.
    const Input exact(input.begin(), input.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  }
  std::printf("Done %lu runs without a finding\n", runs);
  return 0;
}
