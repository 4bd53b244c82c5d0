#include "golden.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace vtepd::test {

namespace {

std::vector<uint8_t> Read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<uint8_t> bytes;
  std::string line;
  std::string digits;
  while (std::getline(file, line)) {
    if (line.starts_with('#')) continue;
    for (const char c : line)
      if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits.push_back(c);
  }
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  if (bytes.empty()) std::printf("# no bytes in %s\n", path.c_str());
  return bytes;
}

}  // namespace

std::vector<uint8_t> Golden(const std::string& name) {
  return Read(std::filesystem::path(VTEPD_GOLDEN_FOLDER) / (name + ".hex"));
}

std::vector<std::vector<uint8_t>> AllGolden() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(VTEPD_GOLDEN_FOLDER)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::vector<uint8_t>> all;
  for (const auto& path : paths) all.push_back(Read(path));
  return all;
}

GoldenMessage::GoldenMessage(const std::string& name) : bytes_(Golden(name)) {
  nl::MessageReader reader(bytes_);
  message_ = reader.Next().value_or(nl::Message{});
}

}  // namespace vtepd::test
