#include "team.h"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sched.h>
#include <thread>
#include <unistd.h>

#include "CKernels.h"

namespace ck {
namespace {

std::atomic<int> requested_threads{0};

int processors() {
  cpu_set_t allowed;
  int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
  return count > 0 ? count : 1;
}

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Waits for `ready` by looking for less than a millisecond, as kernels follow each other closely, then
/// asleep: whoever shares the processors is not starved.
template <class Ready>
void wait_for(std::mutex &mutex, std::condition_variable &changed, Ready ready) {
  for (int look = 0; look < 50000; look++) {
    if (ready()) return;
    pause();
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, ready);
}

thread_local bool in_task = false;

class Team {
  std::mutex caller;  // held by the thread whose job runs
  std::mutex mutex;
  std::condition_variable started, finished;
  int workers = 0;

  // The job. Only who has joined it may read it, and it changes only when nobody is in it.
  long tasks, piece;
  void (*body)(void *, long, long);
  void *data;
  int helpers;
  std::atomic<long> next{0};
  /// Number of the job, whether one may still join it, and how many workers are in it.
  std::atomic<unsigned long> state{0};
  static constexpr unsigned long open = 1ul << 16, number = 1ul << 17;
  static unsigned long job(unsigned long state) { return state / number; }
  static unsigned long active(unsigned long state) { return state % open; }

  void take_pieces() {
    in_task = true;
    for (long begin; (begin = next.fetch_add(piece)) < tasks;)
      body(data, begin, begin + piece < tasks ? begin + piece : tasks);
    in_task = false;
  }

  void work(int index, unsigned long seen) {
    for (;;) {
      wait_for(mutex, started, [&] { return job(state.load()) != seen; });
      unsigned long now = state.load();
      seen = job(now);
      while (now & open && job(now) == seen && !state.compare_exchange_weak(now, now + 1)) {}
      if (!(now & open) || job(now) != seen) continue;  // too late: the others are through
      if (index < helpers) take_pieces();
      if (active(state.fetch_sub(1)) == 1) {
        std::lock_guard<std::mutex> lock(mutex);
        finished.notify_one();
      }
    }
  }

public:
  void run(long count, int size, void (*task)(void *, long, long), void *argument) {
    std::unique_lock<std::mutex> mine(caller, std::try_to_lock);
    if (!mine) return task(argument, 0, count);
    helpers = static_cast<int>(count < size ? count : size) - 1;
    for (; workers < helpers; workers++)
      std::thread(&Team::work, this, workers, job(state.load())).detach();
    tasks = count, body = task, data = argument;
    piece = count / (size * 8) > 1 ? count / (size * 8) : 1;
    next = 0;
    {
      std::lock_guard<std::mutex> lock(mutex);
      state = (job(state.load()) + 1) * number + open;
    }
    started.notify_all();
    take_pieces();
    state -= open;
    wait_for(mutex, finished, [&] { return active(state.load()) == 0; });
  }
};

struct ScratchBuffers {
  void *memory[scratch_slots] = {};
  std::size_t bytes[scratch_slots] = {};
  ~ScratchBuffers() {
    for (int slot = 0; slot < scratch_slots; slot++)
      if (memory[slot]) ck_free(memory[slot], bytes[slot]);
  }
};

}  // namespace

int team_size() {
  static const int all = processors();
  int requested = requested_threads;
  return requested > 0 ? requested : all;
}

void run_team(long tasks, void (*body)(void *, long, long), void *data) {
  static Team &team = *new Team;  // outlives every thread
  int size = team_size();
  if (size == 1 || in_task) return body(data, 0, tasks);
  team.run(tasks, size, body, data);
}

void *scratch_bytes(Slot slot, std::size_t bytes) {
  static thread_local ScratchBuffers buffers;
  if (buffers.bytes[slot] < bytes) {
    if (buffers.memory[slot]) ck_free(buffers.memory[slot], buffers.bytes[slot]);
    std::size_t rounded = (bytes + bytes / 4 + 4095) / 4096 * 4096;
    buffers.memory[slot] = ck_allocate(rounded);
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
