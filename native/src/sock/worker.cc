#include "sock/worker.h"

#include <cerrno>
#include <utility>

namespace vtepd::sock {

Worker::~Worker() {
  Stop([] {});
  Join();
}

int Worker::Submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return ECANCELED;
    tasks_.push_back(std::move(task));
  }
  changed_.notify_one();
  if (started_) return 0;
  const int error = thread_.Start([this] { Loop(); });
  started_ = error == 0;
  if (error != 0) {
    const std::lock_guard lock(mutex_);
    tasks_.clear();
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
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(connection_.get());
    lock.lock();
  }
  lock.unlock();
  connection_->Close();
  ended_();
}

}  // namespace vtepd::sock
