// One datagram to a Unix socket of this machine, which Node itself cannot send: what sd_notify(3) is made of. Must not: wait,
// or know what is said.
#ifndef VTEPD_SOCK_DATAGRAM_H_
#define VTEPD_SOCK_DATAGRAM_H_

#include <string>

#include "sock/outcome.h"

namespace vtepd::sock {

// `path`: a file, or with a leading `@` a name of the abstract kind (unix(7)), which belongs to the network namespace. The
// receiver can see which process sent it. Any thread. kSocket with the errno: ENOENT and ECONNREFUSED nobody listens, EAGAIN
// the receiver's queue is full, EINVAL and ENAMETOOLONG no such path can be.
[[nodiscard]] Outcome SendDatagram(const std::string& path, const std::string& text);

}  // namespace vtepd::sock

#endif  // VTEPD_SOCK_DATAGRAM_H_
