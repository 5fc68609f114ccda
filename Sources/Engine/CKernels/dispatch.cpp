#include "own_table.h"

namespace {

bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

const ck::OwnKernels &own() {
#if defined(__x86_64__)
  static const ck::OwnKernels &table =
      has_avx512() ? ck::avx512::table
      : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? ck::avx2::table
                                                                        : ck::base::table;
  return table;
#else
  return ck::base::table;
#endif
}

}  // namespace

#define CK_OWN(name, parameters, arguments) \
  void ck_##name parameters { own().name arguments; }
#include "OwnKernels.h"
#undef CK_OWN

const char *ck_instruction_set(void) {
#if defined(__x86_64__)
  // The processor's word for it: the compiler's builtin does not know every name.
  unsigned a = 7, b = 0, c = 0, d = 0;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  if (has_avx512()) {
    if (d >> 22 & 1) return "amx";
    unsigned sub = 1;
    a = 7;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(sub), "=d"(d));
    return a >> 5 & 1 ? "avx512_bf16" : "avx512";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
  return "base";
}
