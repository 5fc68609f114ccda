#pragma once

#include <cstddef>

namespace ck {

/// Threads of the team, as last set, or one for each processor that this process may use.
int team_size();

/// Runs body(data, begin, end) over pieces of [0, tasks) on the team, until all are done. Which
/// thread gets a task never changes its result, so a kernel is reproducible when its tasks depend
/// on shape alone. Inside a task, or while another thread has the team, the caller runs alone.
void run_team(long tasks, void (*body)(void *, long, long), void *data);

/// `work` is about the number of elements touched; below the threshold the caller runs alone.
template <class F> void parallel(long tasks, double work, F body) {
  if (tasks <= 1 || work < 32768) {
    if (tasks > 0) body(0L, tasks);
    return;
  }
  run_team(
      tasks, [](void *data, long begin, long end) { (*static_cast<F *>(data))(begin, end); },
      &body);
}

/// Memory that the calling thread keeps and reuses; one live use per slot.
enum Slot {
  scratch_a, scratch_b, scratch_c, scratch_d, scratch_e, scratch_f, scratch_slots
};
void *scratch_bytes(Slot slot, std::size_t bytes);

template <class T = float> T *scratch(Slot slot, long count) {
  return static_cast<T *>(scratch_bytes(slot, sizeof(T) * static_cast<std::size_t>(count)));
}

}  // namespace ck
