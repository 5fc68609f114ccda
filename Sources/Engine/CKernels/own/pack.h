// Operands of products, and how blocks of them are packed. A line is a row of A or a column of B;
// along k a block holds at most `depth` words. Rows are packed word after word [line][stride];
// panels line after line [word][width], as the inner loop reads them.

constexpr long depth = 288;             // words: a panel of 32 columns stays in the first cache
constexpr long row_stride = depth + 8;  // no power of two, which would fill few sets of a cache

INLINE long parts(long n, long size) { return (n + size - 1) / size; }
INLINE long smaller(long a, long b) { return a < b ? a : b; }

/// A part of k: `taps` runs of `words` words that hold `count` values each.
struct Run {
  long first, count, words, tap, taps, step;
  long length() const { return words * taps; }
  /// The length with the zeros behind it.
  long stored() const { return parts(length(), step) * step; }
};

/// The parts of k for `count` values under each of `taps` taps.
template <class F> struct Runs {
  long count, taps, chunk, chunks, tap_chunk, tap_chunks;

  Runs(long count, long taps) : count(count), taps(taps) {
    tap_chunk = taps < depth ? taps : depth;
    tap_chunks = (taps + tap_chunk - 1) / tap_chunk;
    long most = depth / tap_chunk, words = (count + F::pair - 1) / F::pair;
    if (most > L) most = most / L * L;
    chunks = (words + most - 1) / most;
    chunk = (words + chunks - 1) / chunks;
    if (chunk > L && chunk + L - 1 < most) chunk = (chunk + L - 1) / L * L;
    chunks = (words + chunk - 1) / chunk;
  }
  long size() const { return chunks * tap_chunks; }
  Run operator[](long i) const {
    long first = i / tap_chunks * chunk * F::pair, tap = i % tap_chunks * tap_chunk;
    long values = count - first < chunk * F::pair ? count - first : chunk * F::pair;
    return {
        first, values, (values + F::pair - 1) / F::pair, tap,
        smaller(taps - tap, tap_chunk), F::step};
  }
};

INLINE void transpose(vu (&row)[L]) {
  vf lanes[L];
  for (int i = 0; i < L; i++) lanes[i] = __builtin_bit_cast(vf, row[i]);
  transpose(lanes);
  for (int i = 0; i < L; i++) row[i] = __builtin_bit_cast(vu, lanes[i]);
}
INLINE void store_words(uint32_t *p, vu v, long n = L) {
  store_upto((float *)p, __builtin_bit_cast(vf, v), n);
}

/// A matrix whose lines lie along memory: value k of a line is x[line * stride + k].
template <class F, class S> struct Along {
  const S *x;
  long stride;

  INLINE_MEMBER vu words(const Run &run, long line, long word) const {
    return F::along(x + line * stride + run.first + word * F::pair, run.count - word * F::pair);
  }
  void rows(const Run &run, long line, long lines, uint32_t *out) const {
    for (long i = 0; i < lines; i++)
      for (long w = 0; w < run.words; w += L)
        store_words(out + i * row_stride + w, words(run, line + i, w), run.words - w);
  }
  void panel(const Run &run, long line, long lines, uint32_t *out, long width) const {
    for (long i = 0; i < width; i += L)
      for (long w = 0; w < run.words; w += L) {
        vu tile[L];
        for (long r = 0; r < L; r++) {
          tile[r] = i + r < lines ? words(run, line + i + r, w) : (vu)0u;
          // Sixteen lines are more streams than the processor foresees.
          __builtin_prefetch(x + (line + i + r) * stride + run.first + (w + 4 * L) * F::pair);
        }
        transpose(tile);
        for (long r = 0; r < L; r++)
          if (w + r < run.words) store_words(out + (w + r) * width + i, tile[r]);
      }
  }
};

/// A matrix whose lines lie across memory: value k of a line is x[k * stride + line].
template <class F, class S> struct Across {
  const S *x;
  long stride;

  INLINE_MEMBER vu words(const Run &run, long line, long lines, long word) const {
    long k = word * F::pair;
    const S *even = x + (run.first + k) * stride + line;
    return F::across(even, k + 1 < run.count ? even + stride : nullptr, lines);
  }
  void rows(const Run &run, long line, long lines, uint32_t *out) const {
    for (long i = 0; i < lines; i += L)
      for (long w = 0; w < run.words; w += L) {
        vu tile[L];
        for (long r = 0; r < L; r++) {
          tile[r] = w + r < run.words ? words(run, line + i, lines - i, w + r) : (vu)0u;
          for (long k = 0; k < F::pair; k++)
            __builtin_prefetch(x + (run.first + (w + 2 * L + r) * F::pair + k) * stride + line + i);
        }
        transpose(tile);
        for (long r = 0; r < L; r++)
          if (i + r < lines) store_words(out + (i + r) * row_stride + w, tile[r], run.words - w);
      }
  }
  void panel(const Run &run, long line, long lines, uint32_t *out, long width) const {
    for (long w = 0; w < run.words; w++)
      for (long i = 0; i < width; i += L)
        store_words(
            out + w * width + i, i < lines ? words(run, line + i, lines - i, w) : (vu)0u);
  }
};

/// Rows [line, line + lines) of an operand, with zeros up to the stored length.
template <class A>
INLINE void pack_rows(const A &a, const Run &run, long line, long lines, uint32_t *out) {
  a.rows(run, line, lines, out);
  for (long i = 0; i < lines && run.stored() > run.length(); i++)
    memset(out + i * row_stride + run.length(), 0, 4 * (run.stored() - run.length()));
}
/// The same of a panel of lines.
template <class B>
INLINE void pack_panel(const B &b, const Run &run, long line, long lines, uint32_t *out) {
  b.panel(run, line, lines, out, panel_width);
  if (run.stored() > run.length())
    memset(out + run.length() * panel_width, 0, 4 * (run.stored() - run.length()) * panel_width);
}
