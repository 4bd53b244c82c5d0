#include "check.h"

#include <cstdio>
#include <vector>

namespace vtepd::test {

namespace {

struct Test {
  const char* sentence;
  void (*body)();
};

std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

bool failed = false;

}  // namespace

Registration::Registration(const char* sentence, void (*body)()) { Tests().push_back({sentence, body}); }

void Fail(const char* file, int line, const std::string& what) {
  failed = true;
  std::printf("# %s:%d: %s\n", file, line, what.c_str());
}

}  // namespace vtepd::test

int main() {
  using vtepd::test::failed;
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  int number = 0;
  bool any = false;
  std::printf("TAP version 13\n1..%zu\n", vtepd::test::Tests().size());
  for (const auto& [sentence, body] : vtepd::test::Tests()) {
    failed = false;
    body();
    std::printf("%s %d - %s\n", failed ? "not ok" : "ok", ++number, sentence);
    any = any || failed;
  }
  return any ? 1 : 0;
}
