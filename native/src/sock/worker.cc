#include "sock/worker.h"

#include <cerrno>
#include <utility>

namespace vtepd::sock {

Worker::~Worker() {
  Stop([] {});
  Join();
}

int Worker::Submit(std::unique_ptr<Task>* task, uint32_t id) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return ECANCELED;
    tasks_.push_back({std::move(*task), id});
  }
  changed_.notify_one();
  if (started_) return 0;
  const int error = thread_.Start([this] { Loop(); });
  started_ = error == 0;
  if (error != 0) {
    const std::lock_guard lock(mutex_);
    *task = std::move(tasks_.back().task);
    tasks_.pop_back();
  }
  return error;
}

std::vector<std::unique_ptr<Worker::Task>> Worker::Withdraw(const std::unordered_set<uint32_t>& ids) {
  const auto is_meant = [&ids](uint32_t id) { return id != 0 && ids.contains(id); };
  std::vector<std::unique_ptr<Task>> withdrawn;
  const std::lock_guard lock(mutex_);
  if (is_meant(running_)) connection_->Interrupt();
  for (Queued& queued : tasks_)
    if (is_meant(queued.id)) withdrawn.push_back(std::move(queued.task));
  std::erase_if(tasks_, [](const Queued& queued) { return queued.task == nullptr; });
  return withdrawn;
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
    std::unique_ptr<Task> task = std::move(tasks_.front().task);
    running_ = tasks_.front().id;
    tasks_.pop_front();
    lock.unlock();
    Task* const running = task.get();
    running->Run(std::move(task), connection_.get());
    lock.lock();
    running_ = 0;
    connection_->Resume();
  }
  lock.unlock();
  connection_->Close();
  ended_();
}

}  // namespace vtepd::sock
