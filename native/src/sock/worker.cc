#include "sock/worker.h"

#include <cerrno>
#include <utility>

namespace vtepd::sock {

Worker::~Worker() {
  Stop([] {});
  Join();
}

int Worker::Submit(std::unique_ptr<Task>* task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return ECANCELED;
    tasks_.push_back(std::move(*task));
  }
  changed_.notify_one();
  if (started_) return 0;
  const int error = thread_.Start([this] { Loop(); });
  started_ = error == 0;
  if (error != 0) {
    const std::lock_guard lock(mutex_);
    *task = std::move(tasks_.back());
    tasks_.pop_back();
  }
  return error;
}

void Worker::Stop(std::function<void()> ended) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    ended_ = std::move(ended);
  }
  connection_->Cancel();
  changed_.notify_one();
  if (started_) return;
  connection_->Close();
  ended_();
}

void Worker::Loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) break;
    std::unique_ptr<Task> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    Task* const running = task.get();
    running->Run(std::move(task), connection_.get());
    lock.lock();
  }
  lock.unlock();
  connection_->Close();
  ended_();
}

}  // namespace vtepd::sock
