#include <cstdlib>
#include <map>
#include <mutex>
#include <set>
#include <sys/mman.h>
#include <utility>

#include "CKernels.h"

// A step asks for the same large blocks again and again. From malloc each would come as fresh pages,
// which the kernel clears one by one; here they are cut from chunks of huge pages that stay until the
// process ends, as a process does one piece of work.
namespace {

using Address = char *;
constexpr size_t large = 1 << 20, huge_page = 2 << 20, chunk = 256 << 20;

size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

class Arena {
  std::mutex mutex;
  std::map<Address, size_t> free_at;               // free pieces, no two adjacent in one chunk
  std::set<std::pair<size_t, Address>> free_sized;  // the same, smallest first
  std::set<Address> chunks;  // where they begin

  void insert(Address at, size_t bytes) {
    free_at[at] = bytes;
    free_sized.insert({bytes, at});
  }
  void remove(std::map<Address, size_t>::iterator piece) {
    free_sized.erase({piece->second, piece->first});
    free_at.erase(piece);
  }

  bool grow(size_t bytes) {
    size_t size = rounded(bytes > chunk ? bytes : chunk, huge_page);
    void *memory = mmap(
        nullptr, size + huge_page, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    // Only whole huge pages are used; what lies before and behind them goes back.
    Address from = static_cast<Address>(memory);
    Address at = reinterpret_cast<Address>(rounded(reinterpret_cast<size_t>(from), huge_page));
    if (at > from) munmap(from, static_cast<size_t>(at - from));
    if (size_t rest = static_cast<size_t>(from + huge_page - at)) munmap(at + size, rest);
    madvise(at, size, MADV_HUGEPAGE);
    chunks.insert(at);
    insert(at, size);
    return true;
  }

public:
  void *take(size_t bytes) {
    bytes = rounded(bytes, 4096);
    std::lock_guard<std::mutex> lock(mutex);
    auto best = free_sized.lower_bound({bytes, nullptr});
    if (best == free_sized.end()) {
      if (!grow(bytes)) return nullptr;
      best = free_sized.lower_bound({bytes, nullptr});
    }
    auto [size, at] = *best;
    remove(free_at.find(at));
    if (size > bytes) insert(at + bytes, size - bytes);
    return at;
  }

  void give(void *memory, size_t bytes) {
    bytes = rounded(bytes, 4096);
    Address at = static_cast<Address>(memory);
    std::lock_guard<std::mutex> lock(mutex);
    auto next = free_at.upper_bound(at);
    if (next != free_at.end() && next->first == at + bytes && !chunks.count(at + bytes)) {
      bytes += next->second;
      auto joined = next++;
      remove(joined);
    }
    if (next != free_at.begin() && !chunks.count(at)) {
      auto before = std::prev(next);
      if (before->first + before->second == at) {
        at = before->first;
        bytes += before->second;
        remove(before);
      }
    }
    insert(at, bytes);
  }
};

Arena &arena() {
  static Arena &arena = *new Arena;  // outlives every thread
  return arena;
}

}  // namespace

void *ck_allocate(size_t bytes) {
  if (bytes >= large) return arena().take(bytes);
  return aligned_alloc(64, rounded(bytes > 0 ? bytes : 1, 64));
}

void ck_free(void *memory, size_t bytes) {
  if (bytes >= large) arena().give(memory, bytes);
  else free(memory);
}

static thread_local long counted = 0;
void ck_count_bytes(long bytes) { counted += bytes; }
long ck_counted_bytes(void) { return counted; }
