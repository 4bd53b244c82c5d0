#include "base/thread.h"

#include <signal.h>

#include <utility>

namespace vtepd {

int Thread::Start(std::function<void()> body) {
  body_ = std::move(body);
  // A thread inherits the mask of its creator, and only so can no signal reach it before its first instruction.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(&thread_, nullptr, Enter, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  joinable_ = error == 0;
  return error;
}

void Thread::Join() {
  if (!joinable_) return;
  joinable_ = false;
  pthread_join(thread_, nullptr);
  body_ = nullptr;
}

void* Thread::Enter(void* self) {
  static_cast<Thread*>(self)->body_();
  return nullptr;
}

}  // namespace vtepd
