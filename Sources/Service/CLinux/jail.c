#define _GNU_SOURCE
#include "include/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the jail's filter knows x86-64 and AArch64"
#endif

#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, action)
// One call, one answer.
#define CALL(name, action) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), ANSWER(action)
#define ALLOW(name) CALL(name, SECCOMP_RET_ALLOW)
#define KILL(name) CALL(name, SECCOMP_RET_KILL_PROCESS)
#define REFUSE ANSWER(SECCOMP_RET_ERRNO | EPERM)
// Memory, unless code could run from it. The third argument's low half comes first on these machines.
#define ALLOW_DATA(name)                                                                    \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4), FIELD(args[2]),                   \
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1), REFUSE, ANSWER(SECCOMP_RET_ALLOW)

static struct sock_filter filter[] = {
    FIELD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
    FIELD(nr),
#if defined(__x86_64__)
    // The x32 calls are other numbers for the same kernel.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    ANSWER(SECCOMP_RET_KILL_PROCESS),
#endif
    ALLOW(read),
    ALLOW(write),
    ALLOW(futex),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(madvise),
    ALLOW(brk),
    ALLOW_DATA(mmap),
    ALLOW_DATA(mprotect),
    ALLOW(getrandom),
    ALLOW(clock_gettime),
    ALLOW(gettimeofday),
    ALLOW(sysinfo),
    ALLOW(sched_yield),
    ALLOW(sched_getaffinity),
    ALLOW(gettid),
    ALLOW(getpid),
    ALLOW(rt_sigprocmask),
    ALLOW(rt_sigaction),
    ALLOW(rt_sigreturn),
    ALLOW(sigaltstack),
    ALLOW(restart_syscall),
    ALLOW(exit),
    ALLOW(exit_group),
    KILL(socket),
    KILL(socketpair),
    KILL(connect),
    KILL(bind),
    KILL(execve),
    KILL(execveat),
#ifdef __NR_fork
    KILL(fork),
    KILL(vfork),
#endif
    KILL(ptrace),
    KILL(process_vm_readv),
    KILL(process_vm_writev),
    KILL(kill),
    KILL(bpf),
    KILL(mount),
    KILL(unshare),
    KILL(setns),
    KILL(io_uring_setup),
    KILL(userfaultfd),
    KILL(perf_event_open),
    REFUSE,
};

// Bytes of address space in use: the first number of statm, in pages.
static long mapped_bytes(void) {
  char text[64];
  int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  ssize_t count = read(file, text, sizeof text);
  close(file);
  long pages = 0;
  for (ssize_t i = 0; i < count && text[i] >= '0' && text[i] <= '9'; i++)
    pages = 10 * pages + (text[i] - '0');
  return pages > 0 ? pages * sysconf(_SC_PAGESIZE) : -1;
}

static int limit(int resource, rlim_t soft, rlim_t hard) {
  struct rlimit now;
  if (getrlimit(resource, &now) != 0) return -1;
  // A limit that is tighter already stays: raising it is not ours, nor allowed.
  struct rlimit wanted = {soft < now.rlim_max ? soft : now.rlim_max,
                          hard < now.rlim_max ? hard : now.rlim_max};
  return setrlimit(resource, &wanted);
}

// The signals of the limits must arrive, whatever mask and handlers were inherited.
static void restore_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGALRM, SIG_DFL);
  signal(SIGXCPU, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

int clinux_enter_jail(const struct clinux_jail *jail) {
  long mapped = mapped_bytes();
  if (mapped < 0) return errno ? -errno : -EIO;
  rlim_t memory = (rlim_t)mapped + jail->memory;
  // The soft limit on CPU time ends the process with SIGXCPU, the hard one with SIGKILL.
  if (syscall(__NR_close_range, jail->descriptors, ~0U, 0) != 0 && errno != ENOSYS) return -errno;
  if (limit(RLIMIT_AS, memory, memory) != 0 ||
      limit(RLIMIT_CPU, jail->cpu_seconds, jail->cpu_seconds + 1) != 0 ||
      limit(RLIMIT_NOFILE, jail->descriptors, jail->descriptors) != 0 ||
      limit(RLIMIT_CORE, 0, 0) != 0)
    return -errno;
  restore_signals();
  alarm(jail->wall_seconds);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return -errno;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -errno;
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  long refused = syscall(
      __NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  if (refused > 0) return -EBUSY;  // a thread has another filter
  return refused < 0 ? -errno : 0;
}
