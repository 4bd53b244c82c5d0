// Network namespaces: open one by path, open a socket inside it. A socket belongs to the namespace in which it
// was opened, whatever thread uses it later, so a short-lived thread enters and the caller's thread never moves.
// Must not: create or delete a namespace.
#ifndef VTEPD_SOCK_NETNS_H_
#define VTEPD_SOCK_NETNS_H_

#include <string>

#include "base/unique_fd.h"
#include "sock/outcome.h"

namespace vtepd::sock {

// One network namespace, kept open: it stays the same one even when its path is removed or reused.
class Netns {
 public:
  // The namespace of the calling thread.
  Netns() = default;

  // `path` such as /run/netns/node1. Any thread.
  [[nodiscard]] static Outcome Open(const std::string& path, Netns* out);

  // A socket inside, close-on-exec. Any thread; takes about 70 µs where another namespace is entered.
  [[nodiscard]] Outcome OpenSocket(int domain, int type, int protocol, UniqueFd* out) const;

  // -1 for the calling thread's own.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_NETNS_H_
