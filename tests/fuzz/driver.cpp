// driver FOLDER: what libFuzzer does, in small, for a compiler that has none: each input of the corpus, each of its
// beginnings, and mutations of it, the same at each run.
#include "fuzz.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr int kMutations = 5000;  // of each input
constexpr std::size_t kMostBeginnings = 512;

// Of its own size in memory, so that a sanitizer sees a read behind the end.
void run(const std::string& input) {
  const std::vector<std::uint8_t> exact{input.begin(), input.end()};
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::string mutation_of(std::string input, const std::vector<std::string>& corpus, std::mt19937& dice) {
  for (unsigned changes = dice() % 4 + 1; changes > 0; --changes) {
    const std::size_t at = dice() % (input.size() + 1);
    const std::string& other = corpus[dice() % corpus.size()];
    const std::size_t from = dice() % (other.size() + 1);
    switch (dice() % 5) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(dice());
        break;
      case 1: input.erase(at, dice() % 8); break;
      case 2: input.insert(at, 1, static_cast<char>(dice())); break;
      case 3: input.insert(at, other.substr(from, dice() % 32)); break;
      case 4: input.replace(at, input.npos, other.substr(from)); break;
    }
  }
  return input;
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const auto& file : files) {
    std::ifstream in{file, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
  }
  return corpus;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> corpus = argc == 2 ? read_corpus(argv[1]) : std::vector<std::string>{};
  if (corpus.empty()) {
    std::fputs("usage: driver FOLDER, with an input in each file of it\n", stderr);
    return 2;
  }
  std::mt19937 dice{1};  // NOLINT: the same at each run, on purpose
  for (const std::string& input : corpus) {
    run(input);
    for (std::size_t length = 0; length < std::min(input.size(), kMostBeginnings); ++length) {
      run(input.substr(0, length));
    }
    for (int i = 0; i < kMutations; ++i) run(mutation_of(input, corpus, dice));
  }
  std::printf("%zu inputs, their beginnings, and %d mutations of each\n", corpus.size(), kMutations);
  return 0;
}
