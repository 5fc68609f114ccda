// Convolutions as products over positions, channels-last. The rows of patches are gathered where
// they are multiplied: no matrix of patches exists. Weights are [Cout, Cin, kh, kw] as in files;
// along k a product sees runs of channels under each tap.

/// One row for each output position: the channels under each tap. `Backward` turns the roles
/// around: a row for each input position, and the output positions that it reached.
template <class F, bool Backward> struct Patches {
  static constexpr long lines_ahead = 6;
  const float *x;  // Backward: dy
  ck_conv_shape s;

  long lines_height() const { return Backward ? s.H : s.out_h; }
  long lines_width() const { return Backward ? s.W : s.out_w; }
  long channels() const { return Backward ? s.c_out : s.c_in; }

  /// The channels under tap (v, u); null where the picture ends.
  INLINE_MEMBER const float *under(long b, long y, long x0, long v, long u) const {
    long height = Backward ? s.out_h : s.H, width = Backward ? s.out_w : s.W;
    if (Backward) {
      y += s.top - v, x0 += s.left - u;
      if (s.stride > 1) {
        if (y % s.stride || x0 % s.stride) return nullptr;
        y /= s.stride, x0 /= s.stride;
      }
    } else {
      y = y * s.stride + v - s.top, x0 = x0 * s.stride + u - s.left;
    }
    if (y < 0 || x0 < 0 || y >= height || x0 >= width) return nullptr;
    return x + ((b * height + y) * width + x0) * channels();
  }

  void rows(const Run &run, long line, long lines, uint32_t *out) const {
    long width = lines_width(), size = lines_height() * width;
    for (long i = 0; i < lines; i++) {
      long b = (line + i) / size, place = (line + i) % size, y = place / width, x0 = place % width;
      long v = run.tap / s.kw, u = run.tap % s.kw;
      uint32_t *row = out + i * row_stride;
      for (long t = 0; t < run.taps; t++, row += run.words) {
        const float *p = under(b, y, x0, v, u);
        // The tap ahead of the others fetches what lines after this one will need.
        if (p && u == (Backward ? 0 : s.kw - 1))
          for (long k = 0; k < run.count; k += L)
            __builtin_prefetch(p + run.first + lines_ahead * channels() + k);
        for (long w = 0; w < run.words; w += L) {
          vu words = p ? F::along(p + run.first + w * F::pair, run.count - w * F::pair) : (vu)0u;
          store_words(row + w, words, run.words - w);
        }
        if (++u == s.kw) u = 0, v++;
      }
    }
  }
};

/// Lines are output channels, k is (input channel, tap).
template <class F, class S> struct Filters {
  const S *w;
  long c_in, area;

  /// Words of flat positions (channel, tap) as they lie in memory, across lines.
  void staged(const Run &run, long line, long lines, uint32_t *out) const {
    long flats = run.count * area, all = parts(flats, F::pair);
    const S *from = w + line * c_in * area + run.first * area;
    for (long f = 0; f < all; f += L) {
      vu tile[L];
      for (long r = 0; r < L; r++) {
        const S *p = from + r * c_in * area + f * F::pair;
        tile[r] = r < lines ? F::along(p, flats - f * F::pair) : (vu)0u;
        __builtin_prefetch(p + 8 * L * F::pair);
      }
      transpose(tile);
      for (long r = 0; r < L; r++) store_words(out + (f + r) * L, tile[r]);
    }
  }
  INLINE_MEMBER static vu word(const uint32_t *stage, long even, long odd, bool has_odd) {
    vu low, high = 0u;
    __builtin_memcpy(&low, stage + even / F::pair * L, sizeof low);
    if (F::pair == 1) return low;
    low = even % 2 ? low >> 16 : low & 0xffffu;
    if (has_odd) {
      __builtin_memcpy(&high, stage + odd / 2 * L, sizeof high);
      high = odd % 2 ? high & 0xffff0000u : high << 16;
    }
    return low | high;
  }
  void panel(const Run &run, long line, long lines, uint32_t *out, long width) const {
    uint32_t *stage = scratch<uint32_t>(scratch_c, (parts(run.count * area, F::pair) + L) * L);
    for (long i = 0; i < width; i += L) {
      staged(run, line + i, lines - i, stage);
      for (long t = 0; t < run.taps; t++)
        for (long k = 0; k < run.words; k++) {
          long even = k * F::pair * area + run.tap + t;
          vu v = word(stage, even, even + area, (k + 1) * F::pair <= run.count);
          store_words(out + (t * run.words + k) * width + i, v);
        }
    }
  }
};

/// Lines are input channels, k is (output channel, tap).
template <class F, class S> struct TurnedFilters {
  const S *w;
  long c_in, area;

  void panel(const Run &run, long line, long lines, uint32_t *out, long width) const {
    if (lines > width) lines = width;
    // Words (output channels 2k and 2k + 1) at [line, tap], then turned to [tap, line].
    long flats = lines * area;
    uint32_t *stage = scratch<uint32_t>(scratch_c, (width + 1) * area + L);
    for (long k = 0; k < run.words; k++) {
      const S *even = w + (run.first + k * F::pair) * c_in * area + line * area;
      const S *odd = k * F::pair + 1 < run.count ? even + c_in * area : nullptr;
      for (long f = 0; f < flats; f += L) {
        store_words(stage + f, F::across(even + f, odd ? odd + f : nullptr, flats - f));
        for (long next = 2; next < 2 + F::pair; next++)
          __builtin_prefetch(even + (next + F::pair) * c_in * area + f);
      }
      for (long i = 0; i < width; i += L)
        for (long t = 0; t < run.taps; t += L) {
          vu tile[L];
          for (long r = 0; r < L; r++) {
            tile[r] = 0u;
            if (i + r < lines)
              __builtin_memcpy(&tile[r], stage + (i + r) * area + run.tap + t, sizeof(vu));
          }
          transpose(tile);
          for (long r = 0; r < L; r++)
            if (t + r < run.taps)
              store_words(out + ((t + r) * run.words + k) * width + i, tile[r]);
        }
    }
  }
};

/// A 1x1 convolution over channels-last positions is a matrix product.
INLINE bool is_product(const ck_conv_shape &s) {
  return s.kh == 1 && s.kw == 1 && s.stride == 1 && !s.top && !s.left && !s.bottom && !s.right;
}

static void conv(
    const float *x, const float *w_f32, const uint16_t *w_bf16, const float *bias, float *y,
    ck_conv_shape s, int bf16) {
  long positions = s.B * s.out_h * s.out_w, area = s.kh * s.kw;
  if (is_product(s))
    return matmul(
        x, nullptr, w_f32, w_bf16, bias, y,
        {positions, s.c_out, s.c_in, 1, false, true, false, bf16});
  with_format(bf16, [&](auto format) {
    using F = decltype(format);
    with_values(w_f32, w_bf16, [&](auto *w) {
      Filters<F, std::remove_const_t<std::remove_pointer_t<decltype(w)>>> filters{w, s.c_in, area};
      gemm(
          Patches<F, false>{x, s}, filters, Result{y, s.c_out, bias, false}, positions, s.c_out,
          Runs<F>(s.c_in, area));
    });
  });
}

static void conv_backward_input(
    const float *dy, const float *w_f32, const uint16_t *w_bf16, float *dx, ck_conv_shape s,
    int bf16) {
  long positions = s.B * s.H * s.W, area = s.kh * s.kw;
  if (is_product(s))
    return matmul(
        dy, nullptr, w_f32, w_bf16, nullptr, dx,
        {positions, s.c_in, s.c_out, 1, false, false, false, bf16});
  with_format(bf16, [&](auto format) {
    using F = decltype(format);
    with_values(w_f32, w_bf16, [&](auto *w) {
      TurnedFilters<F, std::remove_const_t<std::remove_pointer_t<decltype(w)>>> filters{
          w, s.c_in, area};
      gemm(
          Patches<F, true>{dy, s}, filters, Result{dx, s.c_in, nullptr, false}, positions, s.c_in,
          Runs<F>(s.c_out, area));
    });
  });
}

/// Lines are the input channels under one tap, k is positions.
template <class F> struct Columns {
  Patches<F, false> patches;
  long tap;

  void panel(const Run &run, long line, long lines, uint32_t *out, long width) const {
    const ck_conv_shape &s = patches.s;
    long first = run.first, x0 = first % s.out_w, y = first / s.out_w % s.out_h;
    long b = first / (s.out_w * s.out_h), v = tap / s.kw, u = tap % s.kw;
    auto next = [&] {
      const float *p = patches.under(b, y, x0, v, u);
      if (++x0 == s.out_w) {
        x0 = 0;
        if (++y == s.out_h) y = 0, b++;
      }
      return p ? p + line : nullptr;
    };
    for (long k = 0; k < run.words; k++) {
      const float *even = next();
      const float *odd = F::pair == 2 && k * F::pair + 1 < run.count ? next() : nullptr;
      for (long i = 0; i < width; i += L) {
        long n = lines - i;
        vu v = n > 0 ? F::across(even ? even + i : nullptr, odd ? odd + i : nullptr, n) : (vu)0u;
        store_words(out + k * width + i, v);
      }
    }
  }
};

/// y[j, i] = x[i, j], or += x[i, j], for at most 16 rows and columns.
INLINE void store_turned(
    const float *x, long x_row, float *y, long y_row, long rows, long columns, bool add) {
  vf tile[L];
  for (long i = 0; i < L; i++) tile[i] = i < rows ? load(x + i * x_row) : (vf)0.f;
  transpose(tile);
  for (long j = 0; j < L; j++)
    if (j < columns) {
      float *to = y + j * y_row;
      store_upto(to, add ? load_upto(to, rows) + tile[j] : tile[j], rows);
    }
}

/// dW[o, c, tap] (+)= sum over positions of dy[o] x[c under tap]: dy is packed once and shared, a
/// task takes some channels under some taps.
template <class F>
static void conv_weight_gradient(
    const float *x, const float *dy, float *d_weight, const ck_conv_shape &s, bool accumulate) {
  long positions = s.B * s.out_h * s.out_w, area = s.kh * s.kw;
  long groups = parts(s.c_out, F::rows), panels = parts(s.c_in, panel_width);
  long taps = panels >= 8 ? area : 1, shares = parts(area, taps);
  Across<F, float> a{dy, s.c_out};
  Patches<F, false> patches{x, s};
  Runs<F> runs(positions, 1);
  long block_words = groups * group_words<F>;
  long at_once = smaller(runs.size(), parts(4 << 20, block_words));  // 16 MB
  uint32_t *shared = scratch<uint32_t>(scratch_a, at_once * block_words);
  double work = 2.0 * positions * s.c_in * s.c_out * area;
  for (long run0 = 0; run0 < runs.size(); run0 += at_once) {
    long count = smaller(at_once, runs.size() - run0);
    parallel(count * groups, work / 8, [&](long begin, long end) {
      for (long t = begin; t < end; t++) {
        long m = t % groups * F::rows;
        pack_rows(
            a, runs[run0 + t / groups], m, smaller(s.c_out - m, F::rows),
            shared + t * group_words<F>);
      }
    });
    parallel(panels * shares, work, [&](long begin, long end) {
      uint32_t *panel = scratch<uint32_t>(scratch_b, panel_words);
      float *sums = scratch(scratch_c, taps * s.c_out * panel_width);
      for (long task = begin; task < end; task++) {
        long c0 = task / shares * panel_width, columns = smaller(s.c_in - c0, panel_width);
        long tap0 = task % shares * taps;
        for (long r = 0; r < count; r++) {
          Run run = runs[run0 + r];
          for (long t = 0; t < taps; t++) {
            pack_panel(Columns<F>{patches, tap0 + t}, run, c0, columns, panel);
            float *sum = sums + t * s.c_out * panel_width;
            rows_times_panel<F>(
                run, shared + r * block_words, panel, 0, groups, s.c_out,
                Result{sum, panel_width, nullptr, r > 0}, columns);
          }
        }
        for (long o = 0; o < s.c_out; o++)
          for (long c = 0; c < columns; c += L)
            for (long t = 0; t < taps; t += L)
              store_turned(
                  sums + (t * s.c_out + o) * panel_width + c, s.c_out * panel_width,
                  d_weight + (o * s.c_in + c0 + c) * area + tap0 + t, area, taps - t, columns - c,
                  accumulate || run0 > 0);
      }
    });
  }
}

static void conv_backward_weight(
    const float *x, const float *dy, float *d_weight, ck_conv_shape s, int accumulate, int bf16) {
  if (is_product(s))
    return matmul(
        dy, nullptr, x, nullptr, nullptr, d_weight,
        {s.c_out, s.c_in, s.B * s.H * s.W, 1, true, false, accumulate, bf16});
  with_format(bf16, [&](auto format) {
    conv_weight_gradient<decltype(format)>(x, dy, d_weight, s, accumulate);
  });
}
