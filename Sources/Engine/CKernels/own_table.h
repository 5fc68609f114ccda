#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "CKernels.h"
#include "team.h"

namespace ck {

/// One function pointer per own kernel.
struct OwnKernels {
#define CK_OWN(name, parameters, arguments) void(*name) parameters;
#include "OwnKernels.h"
#undef CK_OWN
};

namespace base { extern const OwnKernels table; }
#if defined(__x86_64__)
namespace avx2 { extern const OwnKernels table; }
namespace avx512 { extern const OwnKernels table; }
namespace avx512_bf16 { extern const OwnKernels table; }
namespace amx { extern const OwnKernels table; }
namespace amx_emulated { extern const OwnKernels table; }
#endif

}  // namespace ck

// Sixteen-float values pass only through inlined functions, where no calling convention applies.
#pragma clang diagnostic ignored "-Wpsabi"
