// One datagram to a Unix socket, as sd_notify(3) sends it. Must not: wait, nor keep a socket.
#ifndef VTEPD_SOCK_DATAGRAM_H_
#define VTEPD_SOCK_DATAGRAM_H_

#include <string>

#include "sock/outcome.h"

namespace vtepd::sock {

// `path` begins with '@' where the name is abstract (it then belongs to the network namespace). EAGAIN: the receiver's
// queue is full; ENAMETOOLONG: no such name can exist.
[[nodiscard]] Outcome SendDatagram(const std::string& path, const std::string& text);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_DATAGRAM_H_
