#include "own_table.h"

#if defined(__x86_64__)
#define CK_MASKED
#define CK_FMA
#define CK_BF16
#define CK_AMX
#define CK_AMX_EMULATED
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,bmi2"))), \
    apply_to = function)
namespace ck::amx_emulated {
#include "own/kernels.h"
}
#pragma clang attribute pop
#endif
