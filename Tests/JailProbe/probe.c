#define _GNU_SOURCE
#include "include/JailProbe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jail.h"

static int outcome(int failed) { return failed ? errno : 0; }

static int map(size_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return outcome(memory == MAP_FAILED);
}

static int act_inside(enum jail_act act, pid_t parent) {
  char *const none[] = {NULL};
  switch (act) {
    case JAIL_RETURN: return write(1, "", 0) == 0 ? map(64 << 20) : errno;
    case JAIL_SOCKET: return outcome(socket(AF_INET, SOCK_STREAM, 0) < 0);
    case JAIL_CONNECTED: return outcome(write(7, "x", 1) < 0);
    case JAIL_CREATE: return outcome(open("/tmp/jail-probe", O_CREAT | O_WRONLY, 0600) < 0);
    case JAIL_READ: return outcome(open("/etc/passwd", O_RDONLY) < 0);
    case JAIL_ALLOCATE: return map((size_t)2 << 30);
    case JAIL_LOOP:
      for (volatile unsigned long i = 0;; i++) {
      }
    case JAIL_WAIT: {
      char byte;
      return outcome(read(0, &byte, 1) < 0);
    }
    case JAIL_EXECUTE: return outcome(execve("/bin/true", none, none) < 0);
    case JAIL_FORK: return outcome(fork() < 0);
    case JAIL_SIGNAL: return outcome(kill(parent, 0) < 0);
    case JAIL_WRITE_CODE:
      return outcome(
          mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
          MAP_FAILED);
    case JAIL_CRASH: *(volatile int *)8 = 1;
  }
  return 255;
}

int jail_probe(enum jail_act act) {
  int silence[2], status;
  pid_t parent = getpid();
  if (pipe2(silence, O_CLOEXEC) != 0) return errno;
  pid_t child = fork();
  if (child == 0) {
    // Signal handlers of the test runner are not the child's.
    signal(SIGSEGV, SIG_DFL);
    dup2(silence[0], 0);
    dup2(silence[1], 3);
    if (act == JAIL_CONNECTED) dup2(socket(AF_INET, SOCK_STREAM, 0), 7);
    // On a busy machine a second of CPU takes long: only the act that waits is held to the clock.
    struct clinux_jail jail = {
        .memory = 256 << 20,
        .cpu_seconds = 1,
        .wall_seconds = act == JAIL_WAIT ? 1 : 120,
        .descriptors = 4};
    int refused = clinux_enter_jail(&jail);
    _exit(refused != 0 ? -refused : act_inside(act, parent));
  }
  close(silence[0]);
  close(silence[1]);
  if (child < 0 || waitpid(child, &status, 0) < 0) return errno;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
