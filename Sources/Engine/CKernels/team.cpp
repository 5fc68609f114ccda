#include "team.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <mutex>
#include <unistd.h>

#include "CKernels.h"

// libgomp's entry points, called directly: Swift's clang ships no OpenMP runtime, and a second
// thread team beside oneDNN's would fight it for the cores.
extern "C" {
void GOMP_parallel(void (*fn)(void *), void *data, unsigned num_threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_num_procs(void);
int omp_in_parallel(void);
void omp_set_num_threads(int);
}

namespace ck {
namespace {

std::atomic<int> requested_threads{0};

// Tensors come and go with every step; memory returned to the kernel would be faulted in again.
void keep_freed_memory() {
  static std::once_flag once;
  std::call_once(once, [] {
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);
  });
}

struct Task {
  long tasks;
  void (*body)(void *, long, long);
  void *data;
};

void run_share(void *data) {
  const Task &task = *static_cast<Task *>(data);
  long thread = omp_get_thread_num(), threads = omp_get_num_threads();
  long begin = task.tasks * thread / threads, end = task.tasks * (thread + 1) / threads;
  if (begin < end) task.body(task.data, begin, end);
}

struct ScratchBuffers {
  void *memory[scratch_slots] = {};
  std::size_t bytes[scratch_slots] = {};
  ~ScratchBuffers() {
    for (void *m : memory) free(m);
  }
};

}  // namespace

int team_size() {
  keep_freed_memory();
  // The OpenMP thread count belongs to the calling thread, not to the process.
  static thread_local int announced = 0;
  int requested = requested_threads;
  int size = requested > 0 ? requested : omp_get_num_procs();
  if (announced != size && !omp_in_parallel()) omp_set_num_threads(announced = size);
  return size;
}

void run_team(long tasks, void (*body)(void *, long, long), void *data) {
  int size = team_size();
  if (size == 1 || omp_in_parallel()) return body(data, 0, tasks);
  Task task{tasks, body, data};
  GOMP_parallel(run_share, &task, static_cast<unsigned>(tasks < size ? tasks : size), 0);
}

void *scratch_bytes(Slot slot, std::size_t bytes) {
  static thread_local ScratchBuffers buffers;
  if (buffers.bytes[slot] < bytes) {
    free(buffers.memory[slot]);
    std::size_t rounded = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    buffers.memory[slot] = aligned_alloc(64, rounded);
    buffers.bytes[slot] = rounded;
    if (!buffers.memory[slot]) {
      fprintf(stderr, "out of memory: %zu bytes more were asked for\n", rounded);
      _exit(71);  // EX_OSERR, as when a tensor finds no memory
    }
  }
  return buffers.memory[slot];
}

}  // namespace ck

void ck_set_threads(int n) { ck::requested_threads = n > 0 ? n : 0; }
int ck_threads(void) { return ck::team_size(); }
