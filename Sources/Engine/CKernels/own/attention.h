// Blocked attention (as in Dao et al., 2205.14135): a block of queries meets one block of keys at
// a time, so scratch is a few hundred kilobytes whatever the length. Letters: docs/SHAPES.md; S are
// scores, P probabilities.

constexpr long query_block = 96, key_block = 256;

/// Columns of a score row that query n may see, counted from t0.
INLINE long visible(const ck_attention_shape &s, long n, long t0, long columns) {
  if (!s.causal) return columns;
  long seen = n + 1 - t0;
  return seen < 0 ? 0 : (seen < columns ? seen : columns);
}

/// Rows of one head as the left side of products over d, one after the other for each run.
template <class F> struct HeadRows {
  static long words(const Runs<F> &runs) {
    return runs.size() * parts(query_block, F::rows) * group_words<F>;
  }
  static const uint32_t *run(const uint32_t *packed, long r) {
    return packed + r * parts(query_block, F::rows) * group_words<F>;
  }
  static void
  pack(const float *x, long stride, long rows, const Runs<F> &runs, uint32_t *out) {
    for (long r = 0; r < runs.size(); r++)
      pack_rows(
          Along<F, float>{x, stride}, runs[r], 0, rows, const_cast<uint32_t *>(run(out, r)));
  }
};

/// Panels of `lines` lines over one run, at a spacing of the run's own length.
template <class F, class B>
INLINE void pack_panels(const B &b, const Run &run, long lines, uint32_t *out) {
  for (long p = 0; p < lines; p += panel_width)
    pack_panel(b, run, p, smaller(lines - p, panel_width), out + p * run.stored());
}
/// Packed rows times such panels.
template <class F>
INLINE void times_panels(
    const Run &run, const uint32_t *a, long rows, const uint32_t *b, long columns,
    const Result &to) {
  for (long p = 0; p < columns; p += panel_width)
    rows_times_panel<F>(
        run, a, b + p * run.stored(), 0, parts(rows, F::rows), rows, at_column(to, p),
        smaller(columns - p, panel_width));
}

/// All rows of one head as the right side of products over d: [run][panel].
template <class F> struct HeadPanels {
  long lines;
  Runs<F> runs;
  uint32_t *packed;

  static long words(long lines, const Runs<F> &runs) {
    return runs.size() * parts(lines, panel_width) * panel_width * depth;
  }
  uint32_t *run(long r) const { return packed + r * parts(lines, panel_width) * panel_words; }
  void pack(const float *x, long stride) const {
    for (long r = 0; r < runs.size(); r++)
      pack_panels<F>(Along<F, float>{x, stride}, runs[r], lines, run(r));
  }
  /// out[rows, key_block] = rows times lines [t0, t0 + columns); t0 is a multiple of panel_width.
  void multiply(const uint32_t *rows, long count, long t0, long columns, float *out) const {
    for (long r = 0; r < runs.size(); r++)
      times_panels<F>(
          runs[r], HeadRows<F>::run(rows, r), count, run(r) + t0 * runs[r].stored(), columns,
          Result{out, key_block, nullptr, r > 0});
  }
};

/// A block of positions as k.
template <class F> INLINE Run positions(long first, long count) {
  return {first, count, parts(count, F::pair), 0, 1, F::step};
}

INLINE long padded(long n) { return (n + L - 1) / L * L; }

/// exp(scale x - top), as exactly as the format's products are.
template <class F> INLINE vf probability(vf x, float scale, float top) {
  if (F::pair == 1) return exp(x * scale - top);
  const float log2e = 1.44269504088896341f;
  return exp2_coarse(x * (scale * log2e) - top * log2e);
}

/// Turns scores into exp(scale S - top), raising top and shrinking what was summed before.
template <class F>
INLINE void softmax_row(
    float *row, long seen, long columns, float scale, float &top, double &sum, float *out,
    long d) {
  long whole = padded(columns);
  for (long t = seen; t < whole; t++) row[t] = -INFINITY;
  vf most = -INFINITY;
  for (long t = 0; t < whole; t += L) most = maximum(most, load(row + t));
  float highest = largest(most) * scale, new_top = highest > top ? highest : top;
  vf lanes = 0;
  for (long t = 0; t < whole; t += L) {
    vf p = probability<F>(load(row + t), scale, new_top);
    lanes += p;
    store(row + t, p);
  }
  if (sum > 0 && new_top != top) {
    float shrink = expf(top - new_top);
    sum *= shrink;
    for (long c = 0; c < d; c += L) store(out + c, load(out + c) * shrink);
  }
  sum += total(lanes);
  top = new_top;
}

template <class F>
static void attention_of(
    const float *q, const float *k, const float *v, float *o, float *log_sum_exp,
    const ck_attention_shape &s) {
  long N = s.N, T = s.T, d = s.d, D = s.heads * s.d, width = padded(d);
  long blocks = parts(N, query_block);
  // Few heads: several tasks share one, each packing it again, so that every thread has work.
  long splits = s.B * s.heads >= 16 ? 1 : parts(16, s.B * s.heads);
  if (splits > blocks) splits = blocks;
  Runs<F> runs(d, 1);
  parallel(s.B * s.heads * splits, 4.0 * s.B * s.heads * N * T * d, [&](long begin, long end) {
    HeadPanels<F> keys{T, runs, scratch<uint32_t>(scratch_b, HeadPanels<F>::words(T, runs))};
    long value_panels = parts(d, panel_width) * panel_width;
    uint32_t *values = scratch<uint32_t>(scratch_c, value_panels * (T + F::pair * key_block));
    float *scores = scratch(scratch_d, query_block * (key_block + width));
    float *out = scores + query_block * key_block;
    long row_words = HeadRows<F>::words(runs);
    uint32_t *queries = scratch<uint32_t>(scratch_e, row_words + query_block * row_stride);
    uint32_t *P = queries + row_words;
    float top[query_block];
    double sum[query_block];
    long packed_head = -1;
    for (long task = begin; task < end; task++) {
      long head = task / splits, b = head / s.heads, offset = head % s.heads * d;
      if (head != packed_head) {
        keys.pack(k + b * T * D + offset, D);
        for (long t0 = 0; t0 < T; t0 += key_block)
          pack_panels<F>(
              Across<F, float>{v + b * T * D + offset, D},
              positions<F>(t0, smaller(T - t0, key_block)), d,
              values + t0 / F::pair * value_panels);
        packed_head = head;
      }
      long split = task % splits;
      for (long block = blocks * split / splits; block < blocks * (split + 1) / splits; block++) {
        long n0 = block * query_block, rows = smaller(N - n0, query_block);
        HeadRows<F>::pack(q + (b * N + n0) * D + offset, D, rows, runs, queries);
        for (long i = 0; i < rows; i++) top[i] = -INFINITY, sum[i] = 0;
        for (long t0 = 0; t0 < T; t0 += key_block) {
          long columns = smaller(T - t0, key_block);
          if (s.causal && t0 > n0 + rows - 1) break;
          keys.multiply(queries, rows, t0, columns, scores);
          Run block_of_keys = positions<F>(0, columns);
          for (long i = 0; i < rows; i++) {
            float *row = scores + i * key_block;
            softmax_row<F>(
                row, visible(s, n0 + i, t0, columns), columns, s.scale, top[i], sum[i],
                out + i * width, d);
            pack_rows(Along<F, float>{row, 0}, block_of_keys, 0, 1, P + i * row_stride);
          }
          times_panels<F>(
              block_of_keys, P, rows, values + t0 / F::pair * value_panels, d,
              Result{out, width, nullptr, t0 > 0});
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
template <class F>
static void attention_gradients(
    const float *q, const float *k, const float *v, const float *o, const float *log_sum_exp,
    const float *d_o, float *dq, float *dk, float *dv, const ck_attention_shape &s) {
  long N = s.N, T = s.T, d = s.d, D = s.heads * s.d, width = padded(d);
  Runs<F> runs(d, 1);
  parallel(s.B * s.heads, 10.0 * s.B * s.heads * N * T * d, [&](long begin, long end) {
    long head_words = HeadPanels<F>::words(T, runs), row_words = HeadRows<F>::words(runs);
    long panels = parts(d, panel_width) * panel_width;
    HeadPanels<F> keys{T, runs, scratch<uint32_t>(scratch_b, 2 * head_words)};
    HeadPanels<F> values{T, runs, keys.packed + head_words};
    // Keys as the right side of a product over positions; sums of dk and dv.
    float *dk_sums = scratch(scratch_c, (2 * width + panels) * (T + F::pair * key_block));
    float *dv_sums = dk_sums + T * width;
    uint32_t *key_rows = (uint32_t *)(dv_sums + T * width);
    float *scores = scratch(scratch_d, query_block * (2 * key_block + width));
    float *d_scores = scores + query_block * key_block;
    float *dq_sums = d_scores + query_block * key_block;
    uint32_t *queries = scratch<uint32_t>(
        scratch_e, 2 * (row_words + panels * query_block) +
                       (2 * key_block + query_block) * row_stride);
    uint32_t *d_out = queries + row_words, *query_panels = d_out + row_words;
    uint32_t *d_out_panels = query_panels + panels * query_block;
    uint32_t *P_columns = d_out_panels + panels * query_block;
    uint32_t *dS_columns = P_columns + key_block * row_stride;
    uint32_t *dS = dS_columns + key_block * row_stride;
    for (long task = begin; task < end; task++) {
      long b = task / s.heads, offset = task % s.heads * d;
      const float *k_head = k + b * T * D + offset;
      keys.pack(k_head, D);
      values.pack(v + b * T * D + offset, D);
      for (long t0 = 0; t0 < T; t0 += key_block)
        pack_panels<F>(
            Across<F, float>{k_head, D}, positions<F>(t0, smaller(T - t0, key_block)), d,
            key_rows + t0 / F::pair * panels);
      memset(dk_sums, 0, sizeof(float) * 2 * T * width);
      for (long n0 = 0; n0 < N; n0 += query_block) {
        long rows = smaller(N - n0, query_block), from = (b * N + n0) * D + offset;
        Run block_of_queries = positions<F>(0, rows);
        HeadRows<F>::pack(q + from, D, rows, runs, queries);
        HeadRows<F>::pack(d_o + from, D, rows, runs, d_out);
        pack_panels<F>(Across<F, float>{q + from, D}, block_of_queries, d, query_panels);
        pack_panels<F>(Across<F, float>{d_o + from, D}, block_of_queries, d, d_out_panels);
        float delta[query_block];
        for (long i = 0; i < rows; i++) {
          vf lanes = 0;
          for (long c = 0; c < d; c += L)
            lanes += load_upto(o + from + i * D + c, d - c) *
                     load_upto(d_o + from + i * D + c, d - c);
          delta[i] = float(total(lanes));
        }
        const float *lse = log_sum_exp + task * N + n0;
        for (long t0 = 0; t0 < T; t0 += key_block) {
          long columns = smaller(T - t0, key_block);
          if (s.causal && t0 > n0 + rows - 1) break;
          keys.multiply(queries, rows, t0, columns, scores);
          values.multiply(d_out, rows, t0, columns, d_scores);
          for (long i = 0; i < rows; i++) {
            float *row = scores + i * key_block, *d_row = d_scores + i * key_block;
            long seen = visible(s, n0 + i, t0, columns);
            for (long t = 0; t < columns; t += L) {
              vf p = probability<F>(load(row + t), s.scale, lse[i]);
              store(row + t, p);
              store(d_row + t, p * (load(d_row + t) - delta[i]) * s.scale);
            }
            for (long t = seen; t < columns; t++) row[t] = d_row[t] = 0;
          }
          Run block_of_keys = positions<F>(0, columns);
          pack_rows(Along<F, float>{d_scores, key_block}, block_of_keys, 0, rows, dS);
          pack_rows(Across<F, float>{scores, key_block}, block_of_queries, 0, columns, P_columns);
          pack_rows(
              Across<F, float>{d_scores, key_block}, block_of_queries, 0, columns, dS_columns);
          times_panels<F>(
              block_of_queries, P_columns, columns, d_out_panels, d,
              Result{dv_sums + t0 * width, width, nullptr, true});
          times_panels<F>(
              block_of_queries, dS_columns, columns, query_panels, d,
              Result{dk_sums + t0 * width, width, nullptr, true});
          times_panels<F>(
              block_of_keys, dS, rows, key_rows + t0 / F::pair * panels, d,
              Result{dq_sums, width, nullptr, t0 > 0});
        }
        for (long i = 0; i < rows; i++)
          for (long c = 0; c < d; c += L)
            store_upto(dq + from + i * D + c, load(dq_sums + i * width + c), d - c);
      }
      for (long t = 0; t < T; t++)
        for (long c = 0; c < d; c += L) {
          long to = (b * T + t) * D + offset + c;
          store_upto(dk + to, load(dk_sums + t * width + c), d - c);
          store_upto(dv + to, load(dv_sums + t * width + c), d - c);
        }
    }
  });
}

static void attention(
    const float *q, const float *k, const float *v, float *o, float *log_sum_exp,
    ck_attention_shape s) {
  with_format(s.bf16, [&](auto format) {
    attention_of<decltype(format)>(q, k, v, o, log_sum_exp, s);
  });
}
static void attention_backward(
    const float *q, const float *k, const float *v, const float *o, const float *log_sum_exp,
    const float *d_o, float *dq, float *dk, float *dv, ck_attention_shape s) {
  with_format(s.bf16, [&](auto format) {
    attention_gradients<decltype(format)>(q, k, v, o, log_sum_exp, d_o, dq, dk, dv, s);
  });
}
