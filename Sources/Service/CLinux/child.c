#define _GNU_SOURCE
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1U << 2)
#endif

enum { FIRST_FREE = 4 };

// The request that the spawning thread works on. One caller at a time holds `callers`.
static pthread_mutex_t callers = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static const struct clinux_spawn *pending;
static int done;
static pid_t result;
static int result_pidfd;
static pthread_t spawner;
static int spawner_started;

// From here to exec only async-signal-safe calls: other threads' locks are held for ever in the child.

static void fail(int status, int error) {
  ssize_t ignored = write(status, &error, sizeof error);
  (void)ignored;
  _exit(127);
}

static void close_others_on_exec(void) {
  if (syscall(SYS_close_range, FIRST_FREE, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1 << 20) limit.rlim_cur = 1 << 20;
  for (int descriptor = FIRST_FREE; descriptor < (int)limit.rlim_cur; descriptor++)
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

static void place_descriptors(const struct clinux_spawn *request, int status) {
  int aside[4];
  for (int i = 0; i < 4; i++) {
    int source = request->descriptors[i];
    aside[i] = -1;
    if (source < 0 && i == 3) continue;
    int opened = source < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : source;
    if (opened < 0) fail(status, errno);
    // Above every target, so that no dup2 below overwrites a source.
    aside[i] = fcntl(opened, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (aside[i] < 0) fail(status, errno);
  }
  for (int i = 0; i < 4; i++) {
    if (aside[i] < 0) {
      close(i);
      continue;
    }
    if (dup2(aside[i], i) < 0) fail(status, errno);
    // The flag belongs to the pipe, not to the descriptor: children expect calls that block.
    int flags = fcntl(i, F_GETFL);
    if (flags >= 0 && (flags & O_NONBLOCK)) fcntl(i, F_SETFL, flags & ~O_NONBLOCK);
  }
}

static void raise_oom_score(int score) {
  char text[16];
  int length = 0, digits[8], count = 0;
  do {
    digits[count++] = score % 10;
    score /= 10;
  } while (score > 0 && count < 8);
  while (count > 0) text[length++] = (char)('0' + digits[--count]);
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  ssize_t ignored = write(file, text, (size_t)length);
  (void)ignored;
  close(file);
}

static void become_child(const struct clinux_spawn *request, int status, pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(status, errno);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);
  struct sigaction fresh;
  memset(&fresh, 0, sizeof fresh);
  fresh.sa_handler = SIG_DFL;
  for (int number = 1; number < 65; number++) sigaction(number, &fresh, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  place_descriptors(request, status);
  close_others_on_exec();
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // Both are wishes: a hardened unit may refuse them, and the child runs all the same.
  if (request->nice > 0) setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + request->nice);
  if (request->oom_score_adj > 0) raise_oom_score(request->oom_score_adj);
  if (request->directory && chdir(request->directory) != 0) fail(status, errno);
  execve(request->path, request->argv, request->envp);
  fail(status, errno);
}

static pid_t spawn_here(const struct clinux_spawn *request, int *pidfd) {
  int status[2];
  if (pipe2(status, O_CLOEXEC) != 0) return -errno;
  // Out of the range that the child fills.
  int report = fcntl(status[1], F_DUPFD_CLOEXEC, FIRST_FREE);
  int error = errno;
  close(status[1]);
  if (report < 0) {
    close(status[0]);
    return -error;
  }
  pid_t parent = getpid();
  // No handler of ours may run in the child before its dispositions are reset.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t pid = fork();
  if (pid == 0) become_child(request, report, parent);
  error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(report);
  if (pid < 0) {
    close(status[0]);
    return -error;
  }
  int exec_error = 0;
  ssize_t got;
  do got = read(status[0], &exec_error, sizeof exec_error);
  while (got < 0 && errno == EINTR);
  close(status[0]);
  if (got == sizeof exec_error) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return -exec_error;
  }
  *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (*pidfd < 0) {
    error = errno;
    kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
    return -error;
  }
  return pid;
}

static void *serve_spawns(void *unused) {
  (void)unused;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (!pending || done) pthread_cond_wait(&changed, &lock);
    result_pidfd = -1;
    result = spawn_here(pending, &result_pidfd);
    done = 1;
    pthread_cond_broadcast(&changed);
  }
}

pid_t clinux_spawn(const struct clinux_spawn *request, int *pidfd) {
  pthread_mutex_lock(&callers);
  if (!spawner_started) {
    int error = pthread_create(&spawner, NULL, serve_spawns, NULL);
    if (error) {
      pthread_mutex_unlock(&callers);
      return -error;
    }
    pthread_detach(spawner);
    spawner_started = 1;
  }
  pthread_mutex_lock(&lock);
  pending = request;
  done = 0;
  pthread_cond_broadcast(&changed);
  while (!done) pthread_cond_wait(&changed, &lock);
  pending = NULL;
  pid_t pid = result;
  *pidfd = result_pidfd;
  pthread_mutex_unlock(&lock);
  pthread_mutex_unlock(&callers);
  return pid;
}

int clinux_reap(pid_t pid, int *code, int *signal) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int outcome;
  do outcome = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
  while (outcome != 0 && errno == EINTR);
  if (outcome != 0) return -errno;
  if (info.si_pid == 0) return 0;
  *code = info.si_code == CLD_EXITED ? info.si_status : -1;
  *signal = info.si_code == CLD_EXITED ? -1 : info.si_status;
  return 1;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : -errno; }

void clinux_block_sigpipe(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
}
