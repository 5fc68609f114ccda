#include "heap.h"

#include <malloc.h>

void clinux_return_freed_memory(void) {
  // Blocks of this size are mapped one by one and go back to the kernel when they are freed.
  mallopt(M_MMAP_THRESHOLD, 64 << 10);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
  // Each thread's own heap keeps its peak; two threads serve, so two heaps are enough.
  mallopt(M_ARENA_MAX, 2);
}

void clinux_trim_heap(void) { malloc_trim(1 << 20); }
