// Names between attributes and records. Pure. Must not: know what a name is for.
#ifndef VTEPD_RTNL_TEXT_H_
#define VTEPD_RTNL_TEXT_H_

#include <algorithm>
#include <array>
#include <string_view>

namespace vtepd::rtnl {

// Zero-terminated; what does not fit is cut. `out` is zero before.
template <size_t kSize>
void CopyText(std::string_view text, std::array<char, kSize>* out) {
  const std::string_view cut = text.substr(0, kSize - 1);
  std::copy(cut.begin(), cut.end(), out->begin());
}

}  // namespace vtepd::rtnl

#endif  // VTEPD_RTNL_TEXT_H_
