#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// Flat C face of the fast kernels. Arrays are dense, row-major, channels-last. No function fails;
// the process ends where memory does.

#ifdef __cplusplus
extern "C" {
#endif
#pragma clang assume_nonnull begin

// One team of threads serves all kernels. `ck_set_threads` holds for all later calls.
void ck_set_threads(int n);
int ck_threads(void);
/// "amx", "avx512_bf16", "avx512", "avx2" or "base": what products run on.
const char *ck_instruction_set(void);
/// The calling thread's kernels run on the named set, or the best below it that the processor has,
/// from now on; null lifts that. "amx_emulated" are the kernels of "amx" with tiles in memory.
void ck_limit_instruction_set(const char *_Nullable name);

/// Memory aligned to 64 bytes, uninitialised; null where there is none. It is given back with its
/// size.
void *_Nullable ck_allocate(size_t bytes);
void ck_free(void *memory, size_t bytes);
/// A sum that each thread keeps for itself: of the bytes that its tensors hold.
void ck_count_bytes(long bytes);
long ck_counted_bytes(void);

typedef struct {
  long m, n, k, batch;
  int transpose_a, transpose_b, accumulate, bf16;
} ck_matmul_shape;

typedef struct {
  long B, H, W, c_in, c_out, kh, kw, stride, top, left, bottom, right, out_h, out_w;
} ck_conv_shape;

enum ck_unary_function {
  CK_SILU, CK_GELU, CK_QUICK_GELU, CK_SIGMOID, CK_TANH, CK_EXP, CK_LOG, CK_SQRT, CK_SQUARE,
  CK_ABS, CK_RECIPROCAL, CK_NEGATE, CK_RELU
};
enum ck_binary_operation { CK_ADD, CK_SUBTRACT, CK_MULTIPLY, CK_DIVIDE };

typedef struct {
  long B, P, C, groups;
  float eps;
  int silu;  // after the norm
} ck_group_norm_shape;

typedef struct {
  long B, N, T, heads, d;
  float scale;
  int causal, bf16;
} ck_attention_shape;

typedef struct {
  float learning_rate, beta1, beta2, epsilon, weight_decay, correction1, correction2;
  float gradient_scale;
} ck_adamw_step;

/// One draw of Philox4x32-10: block i has the counter (i, stream).
typedef struct {
  uint32_t key[2], stream[3];
} ck_draw;

typedef struct {
  int rank;
  long shape[6];  // of x
  int axes[6];
} ck_permutation;

#pragma clang assume_nonnull end

#define CK_OWN(name, parameters, arguments) void ck_##name parameters;
#include "OwnKernels.h"
#undef CK_OWN

#ifdef __cplusplus
}
#endif
#endif
