// A joinable thread that reports a failure to start (std::thread would end the process, as there are no exceptions).
// Must not: know what the thread does.
#ifndef VTEPD_BASE_THREAD_H_
#define VTEPD_BASE_THREAD_H_

#include <pthread.h>

#include <functional>

namespace vtepd {

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { Join(); }

  // Runs `body` on a new thread with every signal blocked: the process' handlers stay on Node's own threads.
  // Returns 0 or a positive errno (EAGAIN: a limit on threads). At most one body at a time.
  [[nodiscard]] int Start(std::function<void()> body);

  // Returns once the body has returned; at once when none was started.
  void Join();

 private:
  static void* Enter(void* self);

  std::function<void()> body_;
  pthread_t thread_{};
  bool joinable_ = false;
};

}  // namespace vtepd

#endif  // VTEPD_BASE_THREAD_H_
