// How a transaction ended, as data: JavaScript builds its errors from it. Must not: hold what a transaction brought.
#ifndef VTEPD_SOCK_OUTCOME_H_
#define VTEPD_SOCK_OUTCOME_H_

#include <cstdint>
#include <string>
#include <utility>

#include "nl/error.h"

namespace vtepd::sock {

struct Outcome {
  enum class Kind : uint8_t {
    kDone = 0,
    kRefused = 1,   // by the kernel: errno, its sentence, the offset of the attribute
    kSocket = 2,    // the socket failed: what became of the request is unknown
    kProtocol = 3,  // the answer does not decode
  };

  Kind kind = Kind::kDone;
  // Positive; 0 for kDone and kProtocol.
  int error = 0;
  // Of the kernel (extack), or of ours: what failed.
  std::string text;
  uint32_t offset = 0;

  [[nodiscard]] bool done() const { return kind == Kind::kDone; }

  static Outcome Refused(nl::Verdict verdict) {
    return {Kind::kRefused, verdict.error, std::move(verdict.text), verdict.offset};
  }
  static Outcome Socket(int error, std::string text = {}) { return {Kind::kSocket, error, std::move(text), 0}; }
  static Outcome Protocol(std::string text) { return {Kind::kProtocol, 0, std::move(text), 0}; }
};

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_OUTCOME_H_
