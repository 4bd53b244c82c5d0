// A test runner of one page: no dependency to fetch, nothing to learn. Output is TAP.
#ifndef VTEPD_TEST_CHECK_H_
#define VTEPD_TEST_CHECK_H_

#include <sstream>
#include <string>

namespace vtepd::test {

// Registers a test; its name is a sentence.
struct Registration {
  Registration(const char* sentence, void (*body)());
};

// Notes a failure of the running test, which goes on.
void Fail(const char* file, int line, const std::string& what);

template <typename A, typename B>
void CheckEqual(const char* file, int line, const char* text, const A& actual, const B& expected) {
  if (actual == expected) return;
  std::ostringstream what;
  what << text;
  if constexpr (requires { what << +actual << +expected; }) {
    what << ": " << +actual << ", expected " << +expected;
  } else if constexpr (requires { what << actual << expected; }) {
    what << ": " << actual << ", expected " << expected;
  }
  Fail(file, line, what.str());
}

}  // namespace vtepd::test

#define VTEPD_JOIN_(a, b) a##b
#define VTEPD_JOIN(a, b) VTEPD_JOIN_(a, b)
#define TEST(sentence) VTEPD_TEST(sentence, VTEPD_JOIN(Test, __LINE__))
#define VTEPD_TEST(sentence, name)                                                  \
  static void name();                                                               \
  static const ::vtepd::test::Registration VTEPD_JOIN(name, Entry)(sentence, name); \
  static void name()
#define CHECK(condition) \
  if (!(condition)) ::vtepd::test::Fail(__FILE__, __LINE__, #condition)
#define CHECK_EQ(actual, expected) ::vtepd::test::CheckEqual(__FILE__, __LINE__, #actual, actual, expected)
// Where the rest of the test would make no sense.
#define REQUIRE(condition)                                    \
  if (!(condition)) {                                         \
    ::vtepd::test::Fail(__FILE__, __LINE__, #condition);      \
    return;                                                   \
  }

#endif  // VTEPD_TEST_CHECK_H_
