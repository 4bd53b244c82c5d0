// One connection with a thread and a queue of its own: tasks run one after the other, in order. Two transactions at a
// time on one socket would take each other's answers and hang. Must not: know what a task does or who waits for it.
#ifndef VTEPD_SOCK_WORKER_H_
#define VTEPD_SOCK_WORKER_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_set>
#include <vector>

#include "base/thread.h"
#include "sock/connection.h"

namespace vtepd::sock {

class Worker {
 public:
  class Task {
   public:
    virtual ~Task() = default;
    // On the worker's thread. Gets itself, to hand itself on with what it has brought.
    virtual void Run(std::unique_ptr<Task> self, Connection* connection) = 0;
  };

  explicit Worker(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  // Stops without waiting for more than the system call under way.
  ~Worker();

  // Queues a task for the worker's thread, which the first one starts. Returns 0, a positive errno when no thread can be
  // started, or ECANCELED after Stop(); then the task is left to the caller. `id`: what Withdraw() calls it by; 0: nothing
  // does. Owner's thread only.
  [[nodiscard]] int Submit(std::unique_ptr<Task>* task, uint32_t id = 0);

  // Tasks of these numbers that are queued come back, in their order, and never run: none begins while others are taken.
  // One under way finds its connection interrupted, and so ends with ECANCELED unless it is about to end anyway.
  [[nodiscard]] std::vector<std::unique_ptr<Task>> Withdraw(const std::unordered_set<uint32_t>& ids);

  // Cancels: the task under way and those queued find their connection cancelled, so that each ends with ECANCELED. Then
  // the socket is closed and `ended` runs, on the worker's thread (on this one when no task was ever submitted).
  // Owner's thread only; a second call does nothing.
  void Stop(std::function<void()> ended);

  // Waits for the thread; then no descriptor is left. Call after Stop(), on the owner's thread.
  void Join() {
    thread_.Join();
    connection_->Dispose();
  }

  [[nodiscard]] Connection* connection() const { return connection_.get(); }

 private:
  struct Queued {
    std::unique_ptr<Task> task;
    uint32_t id;
  };

  void Loop();

  std::unique_ptr<Connection> connection_;
  Thread thread_;
  bool started_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Under the mutex:
  std::deque<Queued> tasks_;
  uint32_t running_ = 0;
  bool stopping_ = false;
  std::function<void()> ended_;
};

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_WORKER_H_
