#pragma once
// The C heap of this process.

#ifdef __cplusplus
extern "C" {
#endif

// Has glibc give freed memory back, where by default a burst of requests stays in the process for ever.
// Call before other threads start.
void clinux_return_freed_memory(void);

// Gives back the free pages between blocks in use, which glibc does not do by itself.
void clinux_trim_heap(void);

#ifdef __cplusplus
}
#endif
