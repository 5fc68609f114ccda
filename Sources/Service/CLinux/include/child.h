#pragma once
// Child processes: spawn, signal, wait.

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clinux_spawn {
  const char *_Nonnull path;
  // NULL-terminated; argv[0] is the name shown by ps.
  char *_Nullable const *_Nonnull argv;
  char *_Nullable const *_Nonnull envp;
  const char *_Nullable directory;
  // What the child finds as descriptors 0, 1, 2 and 3; -1 is /dev/null (for 3: closed). Every other
  // descriptor of the parent is closed in it.
  int descriptors[4];
  // Added to the parent's niceness.
  int nice;
  // 0 ... 1000: who goes first when memory runs out.
  int oom_score_adj;
};

// Starts a child in its own process group that gets SIGKILL when this process ends, whatever ends it.
// All children are forked by one thread that lives as long as the process, since the kernel ties
// that signal to the forking thread.
// Returns the process id and sets *pidfd (close-on-exec), or -errno: of the fork, or of the exec.
pid_t clinux_spawn(const struct clinux_spawn *_Nonnull request, int *_Nonnull pidfd);

// Takes the exit of an ended child. Returns 0 while it runs; else 1, with *code its exit code or
// *signal the signal that ended it (the other is -1); -errno if there is no such child.
int clinux_reap(pid_t pid, int *_Nonnull code, int *_Nonnull signal);

// A pipe whose ends close on exec and never block. Returns 0 or -errno.
int clinux_pipe(int ends[_Nonnull 2]);

// Keeps SIGPIPE from the calling thread: a write to a closed pipe then fails with EPIPE only.
void clinux_block_sigpipe(void);

#ifdef __cplusplus
}
#endif
