#pragma once
// A jail for code that reads hostile bytes. No policy but this one: compute, read and write the
// descriptors at hand, get memory, end.

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct clinux_jail {
  // Bytes of address space on top of what is mapped when the jail is entered.
  size_t memory;
  unsigned cpu_seconds;
  unsigned wall_seconds;
  // Descriptors from this one on are closed, and no new one can be had.
  unsigned descriptors;
};

// Enters the jail, for all threads and for good; works as root and as any user. Opening files fails with
// EPERM, as does every call that is not needed; network, new programs, tracing and signals to others end
// the process with SIGSYS. Returns 0, or -errno: then nothing hostile may be read.
int clinux_enter_jail(const struct clinux_jail *_Nonnull jail);

#ifdef __cplusplus
}
#endif
