// C[M, N] = A[M, K] B[K, N]: the smaller operand is packed whole and shared, the other by each task
// in blocks that stay in its cache. Every element of C sums its words in the same order whatever
// the tasks and threads are.

/// Where a product goes: rows of C at `stride`, with the bias and what is there (`add`) added.
struct Result {
  float *c;
  long stride;
  const float *bias;
  bool add;
};

#ifdef CK_AMX
#include "tiles.h"
#endif

template <class F, int R, int V>
INLINE void
tile(long words, const uint32_t *a, const uint32_t *b, const Result &to, long rows, long columns) {
  vf sum[R][V];
  for (int i = 0; i < R; i++)
    for (int j = 0; j < V; j++) sum[i][j] = 0;
  for (long w = 0; w < words; w++) {
    vu right[V];
    for (int j = 0; j < V; j++)
      __builtin_memcpy(&right[j], b + w * panel_width + j * L, sizeof right[j]);
#pragma clang loop unroll(full)
    for (int i = 0; i < R; i++) {
      vu left = a[i * row_stride + w];
      for (int j = 0; j < V; j++) sum[i][j] = F::add_product(sum[i][j], left, right[j]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < R; i++) {
    if (i >= rows) break;
    for (int j = 0; j < V; j++) {
      long n = columns - j * L;
      float *c = to.c + i * to.stride + j * L;
      vf v = sum[i][j];
      if (to.bias) v += load_upto(to.bias + j * L, n);
      if (to.add) v += load_upto(c, n);
      store_upto(c, v, n);
    }
  }
}

/// Up to `vector_rows` packed rows times one panel.
template <class F>
static void
tiles(long words, const uint32_t *a, const uint32_t *b, const Result &to, long rows, long columns) {
  constexpr int third = vector_rows / 3;
  if (columns <= L) {
    if (rows <= third) return tile<F, third, 1>(words, a, b, to, rows, columns);
    return tile<F, vector_rows, 1>(words, a, b, to, rows, columns);
  }
  constexpr int V = panel_vectors;
  if (rows <= third) return tile<F, third, V>(words, a, b, to, rows, columns);
  if (rows <= 2 * third) return tile<F, 2 * third, V>(words, a, b, to, rows, columns);
  return tile<F, vector_rows, V>(words, a, b, to, rows, columns);
}

template <class F> constexpr long group_words = F::rows * row_stride;
constexpr long panel_words = panel_width * depth;

/// All groups of rows in [first, last) times one panel.
template <class F>
static void rows_times_panel(
    const Run &run, const uint32_t *a, const uint32_t *b, long first, long last, long M,
    Result to, long columns) {
  for (long g = first; g < last; g++, a += group_words<F>) {
    long m = g * F::rows;
    Result here = to;
    here.c += m * to.stride;
#ifdef CK_AMX
    if constexpr (F::pair == 2) {
      amx_tiles(run.stored(), a, b, here, smaller(M - m, F::rows), columns);
      continue;
    }
#endif
    tiles<F>(run.length(), a, b, here, smaller(M - m, F::rows), columns);
  }
}

INLINE Result at_column(Result to, long n) {
  return {to.c + n, to.stride, to.bias ? to.bias + n : nullptr, to.add};
}

template <class F, class A, class B>
static void gemm(const A &a, const B &b, const Result &to, long M, long N, const Runs<F> &runs) {
  long groups = parts(M, F::rows), panels = parts(N, panel_width);
  double work = 2.0 * M * N * runs.count * runs.taps;
  bool a_shared = groups * F::rows < panels * panel_width;
  long block_words = a_shared ? groups * group_words<F> : panels * panel_words;
  long at_once = smaller(runs.size(), parts(4 << 20, block_words));  // 16 MB
  uint32_t *shared = scratch<uint32_t>(scratch_a, at_once * block_words);
  // Tasks are equal shares of what is not shared; which share an element is in does not change it.
  long units = a_shared ? panels : groups, most = a_shared ? 2 : 96 / F::rows;
  long tasks = parts(units, most);
  if (tasks > 1) tasks = smaller(units, parts(tasks, team_size()) * team_size());

  for (long run0 = 0; run0 < runs.size(); run0 += at_once) {
    long count = smaller(at_once, runs.size() - run0), blocks = a_shared ? groups : panels;
    parallel(count * blocks, work / 8, [&](long begin, long end) {
      for (long t = begin; t < end; t++) {
        Run run = runs[run0 + t / blocks];
        long i = t % blocks;
        uint32_t *out = shared + t / blocks * block_words;
        if (a_shared)
          pack_rows(
              a, run, i * F::rows, smaller(M - i * F::rows, F::rows), out + i * group_words<F>);
        else
          pack_panel(
              b, run, i * panel_width, smaller(N - i * panel_width, panel_width),
              out + i * panel_words);
      }
    });
    parallel(tasks, work, [&](long begin, long end) {
      long unit_words = a_shared ? panel_words : group_words<F>;
      uint32_t *own = scratch<uint32_t>(scratch_b, most * unit_words);
      for (long t = begin; t < end; t++) {
        long first = units * t / tasks, last = units * (t + 1) / tasks;
        for (long r = 0; r < count; r++) {
          Run run = runs[run0 + r];
          const uint32_t *block = shared + r * block_words;
          Result here = run0 + r == 0 ? to : Result{to.c, to.stride, nullptr, true};
          if (a_shared) {
            for (long p = first; p < last; p++)
              pack_panel(
                  b, run, p * panel_width, smaller(N - p * panel_width, panel_width),
                  own + (p - first) * panel_words);
            for (long g = 0; g < groups; g++)
              for (long p = first; p < last; p++)
                rows_times_panel<F>(
                    run, block + g * group_words<F>, own + (p - first) * panel_words, g, g + 1, M,
                    at_column(here, p * panel_width), smaller(N - p * panel_width, panel_width));
          } else {
            for (long g = first; g < last; g++)
              pack_rows(
                  a, run, g * F::rows, smaller(M - g * F::rows, F::rows),
                  own + (g - first) * group_words<F>);
            for (long p = 0; p < panels; p++)
              rows_times_panel<F>(
                  run, own, block + p * panel_words, first, last, M,
                  at_column(here, p * panel_width), smaller(N - p * panel_width, panel_width));
          }
        }
      }
    });
  }
}
