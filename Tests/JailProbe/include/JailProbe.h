#pragma once

/// What a captured decoder could try.
enum jail_act {
  JAIL_RETURN,     // nothing: enters, gets 64 MiB, writes to descriptor 1, leaves with 0
  JAIL_SOCKET,
  JAIL_CONNECTED,  // with a socket that was open before
  JAIL_CREATE,     // a file in /tmp
  JAIL_READ,       // a file that everybody may read
  JAIL_ALLOCATE,   // 2 GiB
  JAIL_LOOP,
  JAIL_WAIT,
  JAIL_EXECUTE,
  JAIL_FORK,
  JAIL_SIGNAL,     // its parent
  JAIL_WRITE_CODE, // memory that is writable, then executable
  JAIL_CRASH,
};

/// Does it in a child process inside the jail (256 MiB, 1 s of CPU).
/// @return 0 and up: the child's exit code, an errno or 0 if the act succeeded; negative: its signal
int jail_probe(enum jail_act act);
