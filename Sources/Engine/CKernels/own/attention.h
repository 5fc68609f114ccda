// Blocked attention (as in Dao et al., 2205.14135): a block of queries meets one block of keys at
// a time, so scratch is a few hundred kilobytes whatever the length.

constexpr long query_block = 48, key_block = 256, panel = 64;

/// C[M, N] (+)= A[M, K] B[K, N] for up to MR rows and NV vectors of columns, held in registers.
template <int MR, int NV>
INLINE void tile(
    long K, const float *a, long a_row, long a_column, const float *b, long b_row, float *c,
    long c_row, bool add) {
  vf sum[MR][NV];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) sum[i][j] = add ? load(c + i * c_row + j * L) : (vf)0.f;
  for (long k = 0; k < K; k++) {
    vf right[NV];
    for (int j = 0; j < NV; j++) right[j] = load(b + k * b_row + j * L);
    for (int i = 0; i < MR; i++) {
      vf left = a[i * a_row + k * a_column];
      for (int j = 0; j < NV; j++) sum[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NV; j++) store(c + i * c_row + j * L, sum[i][j]);
}

template <int NV>
static void tile_rows(
    long M, long K, const float *a, long a_row, long a_column, const float *b, long b_row,
    float *c, long c_row, bool add) {
  long i = 0;
  for (; i + 6 <= M; i += 6)
    tile<6, NV>(K, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, add);
  a += i * a_row;
  c += i * c_row;
  switch (M - i) {
  case 1: return tile<1, NV>(K, a, a_row, a_column, b, b_row, c, c_row, add);
  case 2: return tile<2, NV>(K, a, a_row, a_column, b, b_row, c, c_row, add);
  case 3: return tile<3, NV>(K, a, a_row, a_column, b, b_row, c, c_row, add);
  case 4: return tile<4, NV>(K, a, a_row, a_column, b, b_row, c, c_row, add);
  case 5: return tile<5, NV>(K, a, a_row, a_column, b, b_row, c, c_row, add);
  }
}

/// N is a multiple of 16; A is addressed by two strides, rows of B and C are contiguous.
static void product(
    long M, long N, long K, const float *a, long a_row, long a_column, const float *b, long b_row,
    float *c, long c_row, bool add) {
  long j = 0;
#ifdef CK_MASKED  // thirty-two registers of sixteen floats
  for (; j + 4 * L <= N; j += 4 * L)
    tile_rows<4>(M, K, a, a_row, a_column, b + j, b_row, c + j, c_row, add);
  switch ((N - j) / L) {
  case 3: return tile_rows<3>(M, K, a, a_row, a_column, b + j, b_row, c + j, c_row, add);
  case 2: return tile_rows<2>(M, K, a, a_row, a_column, b + j, b_row, c + j, c_row, add);
  }
#endif
  for (; j < N; j += L) tile_rows<1>(M, K, a, a_row, a_column, b + j, b_row, c + j, c_row, add);
}

INLINE long padded(long n) { return (n + L - 1) / L * L; }

/// Rows of one head, [rows, d] at `stride`, to dense rows of padded(d), zeros behind d.
static void pack_rows(const float *x, long stride, long rows, long d, float *out) {
  long width = padded(d);
  for (long r = 0; r < rows; r++)
    for (long i = 0; i < width; i += L)
      store(out + r * width + i, load_upto(x + r * stride + i, d - i));
}
/// The transpose in panels [d, 64 rows of x], zeros behind the last row.
static void pack_columns(const float *x, long stride, long rows, long d, float *out) {
  for (long r0 = 0; r0 < rows; r0 += panel, out += d * panel)
    for (long r = 0; r < panel; r += L)
      for (long i = 0; i < d; i += L)
        transpose_tile(
            x + (r0 + r) * stride + i, stride, out + i * panel + r, panel, rows - r0 - r, d - i, L);
}
/// S[M, n] = A[M, d] times columns [t0, t0 + n) packed by `pack_columns`; t0 is a multiple of 64.
static void product_with_panels(
    long M, long n, long d, const float *a, long a_row, const float *packed, long t0, float *out) {
  for (long j = 0; j < n; j += panel)
    product(
        M, padded(n - j < panel ? n - j : panel), d, a, a_row, 1, packed + (t0 + j) * d, panel,
        out + j, key_block, false);
}

/// Columns of a score row that query n may see, counted from t0.
INLINE long visible(const ck_attention_shape &s, long n, long t0, long columns) {
  if (!s.causal) return columns;
  long seen = n + 1 - t0;
  return seen < 0 ? 0 : (seen < columns ? seen : columns);
}

static void attention(
    const float *q, const float *k, const float *v, float *o, float *log_sum_exp,
    ck_attention_shape s) {
  long N = s.N, T = s.T, d = s.d, D = s.heads * s.d, width = padded(d);
  long blocks = (N + query_block - 1) / query_block;
  // Few heads: several tasks share one, each packing it again, so that every thread has work.
  long splits = s.B * s.heads >= 16 ? 1 : (16 + s.B * s.heads - 1) / (s.B * s.heads);
  if (splits > blocks) splits = blocks;
  parallel(s.B * s.heads * splits, 4.0 * s.B * s.heads * N * T * d, [=](long begin, long end) {
    long T_padded = (T + panel - 1) / panel * panel;
    float *keys = scratch(scratch_b, T_padded * d), *values = scratch(scratch_c, T * width);
    float *scores = scratch(scratch_d, query_block * key_block);
    float *out = scratch(scratch_e, query_block * width);
    float top[query_block];
    double sum[query_block];
    long packed_head = -1;
    for (long task = begin; task < end; task++) {
      long head = task / splits, b = head / s.heads, offset = head % s.heads * d;
      if (head != packed_head) {
        pack_columns(k + b * T * D + offset, D, T, d, keys);
        pack_rows(v + b * T * D + offset, D, T, d, values);
        packed_head = head;
      }
      long split = task % splits;
      for (long block = blocks * split / splits; block < blocks * (split + 1) / splits; block++) {
        long n0 = block * query_block, rows = N - n0 < query_block ? N - n0 : query_block;
        const float *queries = q + (b * N + n0) * D + offset;
        for (long i = 0; i < rows; i++) top[i] = -INFINITY, sum[i] = 0;
        for (long t0 = 0; t0 < T; t0 += key_block) {
          long columns = T - t0 < key_block ? T - t0 : key_block;
          if (s.causal && t0 > n0 + rows - 1) break;
          product_with_panels(rows, columns, d, queries, D, keys, t0, scores);
          for (long i = 0; i < rows; i++) {
            float *row = scores + i * key_block;
            long seen = visible(s, n0 + i, t0, columns), whole = padded(columns);
            for (long t = seen; t < whole; t++) row[t] = -INFINITY;
            vf most = -INFINITY;
            for (long t = 0; t < whole; t += L) most = maximum(most, load(row + t) * s.scale);
            float highest = largest(most), new_top = highest > top[i] ? highest : top[i];
            vf lanes = 0;
            for (long t = 0; t < whole; t += L) {
              vf p = exp(load(row + t) * s.scale - new_top);
              lanes += p;
              store(row + t, p);
            }
            if (t0 > 0 && new_top != top[i]) {
              float shrink = expf(top[i] - new_top);
              sum[i] *= shrink;
              for (long c = 0; c < width; c += L)
                store(out + i * width + c, load(out + i * width + c) * shrink);
            }
            sum[i] += total(lanes);
            top[i] = new_top;
          }
          product(
              rows, width, columns, scores, key_block, 1, values + t0 * width, width, out, width,
              t0 > 0);
        }
        for (long i = 0; i < rows; i++) {
          float scale = float(1 / sum[i]);
          float *target = o + (b * N + n0 + i) * D + offset;
          for (long c = 0; c < d; c += L)
            store_upto(target + c, load(out + i * width + c) * scale, d - c);
          log_sum_exp[head * N + n0 + i] = top[i] + float(__builtin_log(sum[i]));
        }
      }
    }
  });
}

/// With P = exp(scale q k^T - logSumExp) and delta = sum(do * o) per query:
/// dv = P^T do, dS = P (do v^T - delta) scale, dq = dS k, dk = dS^T q.
static void attention_backward(
    const float *q, const float *k, const float *v, const float *o, const float *log_sum_exp,
    const float *d_o, float *dq, float *dk, float *dv, ck_attention_shape s) {
  long N = s.N, T = s.T, d = s.d, D = s.heads * s.d, width = padded(d);
  parallel(s.B * s.heads, 10.0 * s.B * s.heads * N * T * d, [=](long begin, long end) {
    long T_padded = (T + panel - 1) / panel * panel;
    float *keys = scratch(scratch_b, 2 * T_padded * d), *values = keys + T_padded * d;
    float *key_rows = scratch(scratch_c, 3 * T * width), *dk_rows = key_rows + T * width;
    float *dv_rows = dk_rows + T * width;
    float *scores = scratch(scratch_d, 2 * query_block * key_block);
    float *d_scores = scores + query_block * key_block;
    float *queries = scratch(scratch_e, 3 * query_block * width);
    float *d_out = queries + query_block * width, *dq_rows = d_out + query_block * width;
    float delta[query_block];
    for (long task = begin; task < end; task++) {
      long b = task / s.heads, offset = task % s.heads * d;
      pack_columns(k + b * T * D + offset, D, T, d, keys);
      pack_columns(v + b * T * D + offset, D, T, d, values);
      pack_rows(k + b * T * D + offset, D, T, d, key_rows);
      memset(dk_rows, 0, sizeof(float) * 2 * T * width);
      for (long n0 = 0; n0 < N; n0 += query_block) {
        long rows = N - n0 < query_block ? N - n0 : query_block;
        long from = (b * N + n0) * D + offset;
        pack_rows(q + from, D, rows, d, queries);
        pack_rows(d_o + from, D, rows, d, d_out);
        for (long i = 0; i < rows; i++) {
          vf lanes = 0;
          for (long c = 0; c < d; c += L)
            lanes += load_upto(o + from + i * D + c, d - c) * load(d_out + i * width + c);
          delta[i] = float(total(lanes));
        }
        const float *lse = log_sum_exp + task * N + n0;
        for (long t0 = 0; t0 < T; t0 += key_block) {
          long columns = T - t0 < key_block ? T - t0 : key_block;
          if (s.causal && t0 > n0 + rows - 1) break;
          product_with_panels(rows, columns, d, queries, width, keys, t0, scores);
          product_with_panels(rows, columns, d, d_out, width, values, t0, d_scores);
          for (long i = 0; i < rows; i++) {
            float *row = scores + i * key_block, *d_row = d_scores + i * key_block;
            long seen = visible(s, n0 + i, t0, columns);
            for (long t = 0; t < padded(columns); t += L) {
              vf p = exp(load(row + t) * s.scale - lse[i]);
              store(row + t, p);
              store(d_row + t, p * (load(d_row + t) - delta[i]) * s.scale);
            }
            for (long t = seen; t < columns; t++) row[t] = d_row[t] = 0;
          }
          product(
              columns, width, rows, scores, 1, key_block, d_out, width, dv_rows + t0 * width,
              width, true);
          product(
              columns, width, rows, d_scores, 1, key_block, queries, width, dk_rows + t0 * width,
              width, true);
          product(
              rows, width, columns, d_scores, key_block, 1, key_rows + t0 * width, width, dq_rows,
              width, t0 > 0);
        }
        for (long i = 0; i < rows; i++)
          for (long c = 0; c < d; c += L)
            store_upto(dq + from + i * D + c, load(dq_rows + i * width + c), d - c);
      }
      for (long t = 0; t < T; t++)
        for (long c = 0; c < d; c += L) {
          long to = (b * T + t) * D + offset + c;
          store_upto(dk + to, load(dk_rows + t * width + c), d - c);
          store_upto(dv + to, load(dv_rows + t * width + c), d - c);
        }
    }
  });
}
