#include <dnnl.h>

#include "own_table.h"

namespace {

// oneDNN's view of the processor rules both halves, so ONEDNN_MAX_CPU_ISA steers them together.
int level() { return dnnl_get_effective_cpu_isa(); }
bool reaches(int isa) { return (level() & isa) == isa; }

const ck::OwnKernels &own() {
#if defined(__x86_64__)
  static const ck::OwnKernels &table = reaches(dnnl_cpu_isa_avx512_core) ? ck::avx512::table
                                       : reaches(dnnl_cpu_isa_avx2)      ? ck::avx2::table
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
  if (reaches(dnnl_cpu_isa_avx512_core_amx)) return "amx";
  if (reaches(dnnl_cpu_isa_avx512_core_bf16)) return "avx512_bf16";
  if (reaches(dnnl_cpu_isa_avx512_core)) return "avx512";
  if (reaches(dnnl_cpu_isa_avx2)) return "avx2";
#endif
  return "base";
}

int ck::bf16_products() {
#if defined(__x86_64__)
  return reaches(dnnl_cpu_isa_avx512_core);
#else
  return false;
#endif
}
