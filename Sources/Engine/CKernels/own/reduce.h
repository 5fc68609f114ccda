constexpr long sum_chunk = 32768;

/// Sum over fixed chunks, each with sixteen double lanes, added in order.
template <class F> static double chunked_sum(const float *x, long n, F term) {
  long chunks = (n + sum_chunk - 1) / sum_chunk;
  double *partial = scratch<double>(scratch_a, chunks + 1);
  parallel(chunks, n, [=](long begin, long end) {
    for (long c = begin; c < end; c++) {
      long last = (c + 1) * sum_chunk < n ? (c + 1) * sum_chunk : n;
      vd sum = 0;
      for (long i = c * sum_chunk; i < last; i += L) sum += term(widen(load_upto(x + i, last - i)));
      partial[c] = total(sum);
    }
  });
  double sum = 0;
  for (long c = 0; c < chunks; c++) sum += partial[c];
  return sum;
}
static void sum(const float *x, long n, double *result) {
  *result = chunked_sum(x, n, [](vd v) __attribute__((always_inline)) { return v; });
}
static void sum_of_squares(const float *x, long n, double *result) {
  *result = chunked_sum(x, n, [](vd v) __attribute__((always_inline)) { return v * v; });
}
static void all_finite(const float *x, long n, int *result) {
  long chunks = (n + sum_chunk - 1) / sum_chunk;
  int *finite = scratch<int>(scratch_a, chunks + 1);
  parallel(chunks, n, [=](long begin, long end) {
    for (long c = begin; c < end; c++) {
      long last = (c + 1) * sum_chunk < n ? (c + 1) * sum_chunk : n;
      vf bad = 0;  // x * 0 is 0 for finite x, NaN otherwise
      for (long i = c * sum_chunk; i < last; i += L) bad += load_upto(x + i, last - i) * 0.f;
      finite[c] = total(bad) == 0;
    }
  });
  *result = 1;
  for (long c = 0; c < chunks; c++) *result &= finite[c];
}

/// y[o, i] (+)= sum over m of x[o, m, i]. Tasks are (o, chunk of the middle, block of inner).
static void sum_middle(
    const float *x, float *y, long outer, long middle, long inner, int add) {
  constexpr long block = 512;
  long blocks = (inner + block - 1) / block;
  long rows = sum_chunk / (inner < block ? inner : block);
  long chunks = middle > rows ? (middle + rows - 1) / rows : 1;
  double *partial = scratch<double>(scratch_a, outer * chunks * inner + 1);
  parallel(outer * chunks * blocks, double(outer) * middle * inner, [=](long begin, long end) {
    for (long task = begin; task < end; task++) {
      long o = task / (chunks * blocks), c = task / blocks % chunks, i0 = task % blocks * block;
      long width = inner - i0 < block ? inner - i0 : block;
      long m0 = c * rows, m1 = m0 + rows < middle ? m0 + rows : middle;
      double *sums = partial + (o * chunks + c) * inner + i0;
      const float *source = x + o * middle * inner + i0;
      if (inner == 1) {
        vd lanes = 0;
        for (long m = m0; m < m1; m += L) lanes += widen(load_upto(source + m, m1 - m));
        *sums = total(lanes);
        continue;
      }
      vd lanes[block / L] = {};
      for (long m = m0; m < m1; m += 16)  // float lanes over 16 rows at most, then double
        for (long i = 0; i < width; i += 4 * L) {
          long stop = m + 16 < m1 ? m + 16 : m1, n = width - i;
          const float *at = source + i;
          vf s0 = 0, s1 = 0, s2 = 0, s3 = 0;
          for (long r = m; r < stop; r++) {
            const float *row = at + r * inner;
            s0 += load_upto(row, n);
            if (n > L) s1 += load_upto(row + L, n - L);
            if (n > 2 * L) s2 += load_upto(row + 2 * L, n - 2 * L);
            if (n > 3 * L) s3 += load_upto(row + 3 * L, n - 3 * L);
          }
          vd *to = lanes + i / L;
          to[0] += widen(s0);
          if (n > L) to[1] += widen(s1);
          if (n > 2 * L) to[2] += widen(s2);
          if (n > 3 * L) to[3] += widen(s3);
        }
      for (long i = 0; i < width; i++) sums[i] = lanes[i / L][i % L];
    }
  });
  parallel(outer, double(outer) * chunks * inner, [=](long begin, long end) {
    for (long o = begin; o < end; o++)
      for (long i = 0; i < inner; i++) {
        double s = add ? y[o * inner + i] : 0;
        for (long c = 0; c < chunks; c++) s += partial[(o * chunks + c) * inner + i];
        y[o * inner + i] = float(s);
      }
  });
}
