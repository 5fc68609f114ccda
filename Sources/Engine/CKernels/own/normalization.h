/// For each channel: first = sum over positions of a, second = of b, with term(p, c, n, a, b)
/// adding to both. Float lanes over 64 positions at most, then double.
template <int NV, class F>
INLINE void channel_block_sums(
    long c0, long C, long p0, long p1, double *first, double *second, F term) {
  vd a[NV] = {}, b[NV] = {};
  for (long p = p0; p < p1; p += 64) {
    vf a_lanes[NV] = {}, b_lanes[NV] = {};
    long stop = p + 64 < p1 ? p + 64 : p1;
    for (long q = p; q < stop; q++)
      for (int j = 0; j < NV; j++) term(q, c0 + j * L, C - c0 - j * L, a_lanes[j], b_lanes[j]);
    for (int j = 0; j < NV; j++) {
      a[j] += widen(a_lanes[j]);
      b[j] += widen(b_lanes[j]);
    }
  }
  for (int j = 0; j < NV; j++)
    for (long c = c0 + j * L, i = 0; i < L && c < C; i++, c++) {
      first[c] = a[j][i];
      second[c] = b[j][i];
    }
}
template <class F>
INLINE void channel_sums(long C, long p0, long p1, double *first, double *second, F term) {
  for (long c = 0; c < C; c += 4 * L) {
    if (C - c > 3 * L) channel_block_sums<4>(c, C, p0, p1, first, second, term);
    else if (C - c > 2 * L) channel_block_sums<3>(c, C, p0, p1, first, second, term);
    else if (C - c > L) channel_block_sums<2>(c, C, p0, p1, first, second, term);
    else channel_block_sums<1>(c, C, p0, p1, first, second, term);
  }
}

/// Positions per task: a whole sample where samples are many, else pieces of fixed size.
INLINE long positions_per_task(ck_group_norm_shape s) {
  if (s.B >= 8) return s.P;
  long piece = 65536 / s.C < 64 ? 64 : 65536 / s.C;
  return piece < s.P ? piece : s.P;
}

/// What a group norm is followed by: nothing, or Silu.
struct Same {
  INLINE vf f(vf x) { return x; }
  INLINE vf df(vf) { return 1.f; }
};

template <class Then>
static void group_norm_then(
    const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd,
    ck_group_norm_shape s) {
  long P = s.P, C = s.C, width = C / s.groups;
  long piece = positions_per_task(s), pieces = (P + piece - 1) / piece;
  double *partial = scratch<double>(scratch_a, s.B * pieces * C * 2);

  auto statistics = [=](long b, long i) {
    const float *in = x + b * P * C;
    double *sums = partial + (b * pieces + i) * 2 * C;
    long p1 = (i + 1) * piece < P ? (i + 1) * piece : P;
    // Relative to the first position, which keeps the sum of squares free of cancellation.
    channel_sums(
        C, i * piece, p1, sums, sums + C,
        [=](long p, long c, long n, vf &a, vf &q) __attribute__((always_inline)) {
          vf v = load_upto(in + p * C + c, n) - load_upto(in + c, n);
          a += v;
          q += v * v;
        });
  };
  auto combine = [=](long b) {
    const float *shift = x + b * P * C;
    double *sums = partial + b * pieces * 2 * C;
    for (long i = 1; i < pieces; i++)
      for (long c = 0; c < 2 * C; c++) sums[c] += sums[i * 2 * C + c];
    for (long g = 0; g < s.groups; g++) {
      double m = 0, squares = 0;
      for (long c = g * width; c < (g + 1) * width; c++) m += shift[c] + sums[c] / P;
      m /= width;
      for (long c = g * width; c < (g + 1) * width; c++) {
        double channel = sums[c] / P, distance = shift[c] + channel - m;
        squares += sums[C + c] - P * channel * channel + P * distance * distance;
      }
      double variance = squares / (double(width) * P);
      mean[b * s.groups + g] = float(m);
      rstd[b * s.groups + g] = float(1 / __builtin_sqrt((variance > 0 ? variance : 0) + s.eps));
    }
  };
  auto normalize = [=](long b, long i) {
    // The mean is taken off each value: folded into the bias, it would cancel where it is large.
    float *scale = scratch(scratch_b, 2 * C), *center = scale + C;
    for (long c = 0; c < C; c++) {
      long g = b * s.groups + c / width;
      scale[c] = weight[c] * rstd[g];
      center[c] = mean[g];
    }
    long p1 = (i + 1) * piece < P ? (i + 1) * piece : P;
    for (long p = b * P + i * piece; p < b * P + p1; p++)
      for (long c = 0; c < C; c += L) {
        long n = C - c;
        vf v = load_upto(x + p * C + c, n) - load_upto(center + c, n);
        v = v * load_upto(scale + c, n) + load_upto(bias + c, n);
        store_upto(y + p * C + c, Then::f(v), n);
      }
  };

  double work = double(s.B) * P * C;
  if (pieces == 1) {
    parallel(s.B, work, [=](long begin, long end) {
      for (long b = begin; b < end; b++) {
        statistics(b, 0);
        combine(b);
        normalize(b, 0);
      }
    });
    return;
  }
  parallel(s.B * pieces, work, [=](long begin, long end) {
    for (long t = begin; t < end; t++) statistics(t / pieces, t % pieces);
  });
  for (long b = 0; b < s.B; b++) combine(b);
  parallel(s.B * pieces, work, [=](long begin, long end) {
    for (long t = begin; t < end; t++) normalize(t / pieces, t % pieces);
  });
}

static void group_norm(
    const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd,
    ck_group_norm_shape s) {
  (s.silu ? group_norm_then<Silu> : group_norm_then<Same>)(x, weight, bias, y, mean, rstd, s);
}

/// With xhat = (x - mean) rstd, n = P C/G values per group, and d = dy then'(w xhat + bias):
/// dx = rstd (w d - sum(w d)/n - xhat sum(w d xhat)/n), dWeight = sum(d xhat), dBias = sum(d).
template <class Then>
static void group_norm_then_backward(
    const float *x, const float *weight, const float *bias, const float *mean, const float *rstd,
    const float *dy, float *dx, float *d_weight, float *d_bias, ck_group_norm_shape s) {
  long P = s.P, C = s.C, width = C / s.groups;
  long piece = positions_per_task(s), pieces = (P + piece - 1) / piece;
  double *partial = scratch<double>(scratch_a, s.B * pieces * C * 2);

  auto statistics = [=](long b, long i) {
    float *center = scratch(scratch_b, 2 * C), *scale = center + C;
    for (long c = 0; c < C; c++) {
      center[c] = mean[b * s.groups + c / width];
      scale[c] = weight[c] * rstd[b * s.groups + c / width];
    }
    double *sums = partial + (b * pieces + i) * 2 * C;
    long p1 = (i + 1) * piece < P ? (i + 1) * piece : P;
    channel_sums(
        C, i * piece, p1, sums, sums + C,
        [=](long p, long c, long n, vf &a, vf &q) __attribute__((always_inline)) {
          vf distance = load_upto(x + (b * P + p) * C + c, n) - load_upto(center + c, n);
          vf y = distance * load_upto(scale + c, n) + load_upto(bias + c, n);
          vf d = load_upto(dy + (b * P + p) * C + c, n) * Then::df(y);
          a += d;
          q += d * distance;
        });
  };
  auto combine = [=](long b) {
    double *sums = partial + b * pieces * 2 * C;
    for (long i = 1; i < pieces; i++)
      for (long c = 0; c < 2 * C; c++) sums[c] += sums[i * 2 * C + c];
  };
  auto gradient = [=](long b, long i) {
    if (!dx) return;
    const double *sums = partial + b * pieces * 2 * C;
    float *of_dy = scratch(scratch_c, 4 * C), *of_x = of_dy + C;
    float *constant = of_x + C, *center = constant + C;
    for (long g = 0; g < s.groups; g++) {
      double r = rstd[b * s.groups + g], n = double(width) * P;
      double all = 0, along = 0;
      for (long c = g * width; c < (g + 1) * width; c++) {
        all += weight[c] * sums[c];
        along += weight[c] * sums[C + c] * r;
      }
      for (long c = g * width; c < (g + 1) * width; c++) {
        of_dy[c] = float(r * weight[c]);
        of_x[c] = float(-r * r * along / n);
        constant[c] = float(-r * all / n);
        center[c] = mean[b * s.groups + g];
      }
    }
    long p1 = (i + 1) * piece < P ? (i + 1) * piece : P;
    for (long p = b * P + i * piece; p < b * P + p1; p++)
      for (long c = 0; c < C; c += L) {
        long n = C - c;
        vf distance = load_upto(x + p * C + c, n) - load_upto(center + c, n);
        vf scale = load_upto(of_dy + c, n);
        vf v = load_upto(dy + p * C + c, n) * Then::df(distance * scale + load_upto(bias + c, n));
        v = v * scale + (distance * load_upto(of_x + c, n) + load_upto(constant + c, n));
        store_upto(dx + p * C + c, v, n);
      }
  };

  double work = 2.0 * s.B * P * C;
  if (pieces == 1) {
    parallel(s.B, work, [=](long begin, long end) {
      for (long b = begin; b < end; b++) {
        statistics(b, 0);
        gradient(b, 0);
      }
    });
  } else {
    parallel(s.B * pieces, work, [=](long begin, long end) {
      for (long t = begin; t < end; t++) statistics(t / pieces, t % pieces);
    });
    for (long b = 0; b < s.B; b++) combine(b);
    parallel(s.B * pieces, work, [=](long begin, long end) {
      for (long t = begin; t < end; t++) gradient(t / pieces, t % pieces);
    });
  }
  for (long c = 0; c < C; c++) {
    double dw = 0, db = 0;
    for (long b = 0; b < s.B; b++) {
      const double *sums = partial + b * pieces * 2 * C;
      db += sums[c];
      dw += sums[C + c] * rstd[b * s.groups + c / width];
    }
    if (d_weight) d_weight[c] += float(dw);
    if (d_bias) d_bias[c] += float(db);
  }
}

static void group_norm_backward(
    const float *x, const float *weight, const float *bias, const float *mean, const float *rstd,
    const float *dy, float *dx, float *d_weight, float *d_bias, ck_group_norm_shape s) {
  (s.silu ? group_norm_then_backward<Silu> : group_norm_then_backward<Same>)(
      x, weight, bias, mean, rstd, dy, dx, d_weight, d_bias, s);
}

static void layer_norm(
    const float *x, const float *weight, const float *bias, float *y, float *mean, float *rstd,
    long rows, long width, float eps) {
  parallel(rows, 3.0 * rows * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      const float *in = x + r * width;
      vf sums = 0, squares = 0;
      for (long i = 0; i < width; i += L) sums += load_upto(in + i, width - i);
      float m = float(total(sums) / width);
      long full = width / L * L, rest = width - full;
      for (long i = 0; i < full; i += L) {
        vf v = load(in + i) - m;
        squares += v * v;
      }
      double square_sum = total(squares);
      for (long i = full; i < full + rest; i++) square_sum += double(in[i] - m) * (in[i] - m);
      float scale = float(1 / __builtin_sqrt(square_sum / width + eps));
      mean[r] = m;
      rstd[r] = scale;
      for (long i = 0; i < width; i += L) {
        long n = width - i;
        vf v = (load_upto(in + i, n) - m) * scale;
        store_upto(y + r * width + i, v * load_upto(weight + i, n) + load_upto(bias + i, n), n);
      }
    }
  });
}

static void layer_norm_backward(
    const float *x, const float *weight, const float *mean, const float *rstd, const float *dy,
    float *dx, float *d_weight, float *d_bias, long rows, long width) {
  double work = 3.0 * rows * width;
  if (dx)
    parallel(rows, work, [=](long begin, long end) {
      for (long r = begin; r < end; r++) {
        const float *in = x + r * width, *d = dy + r * width;
        vf all = 0, along = 0;
        for (long i = 0; i < width; i += L) {
          long n = width - i;
          vf wd = load_upto(weight + i, n) * load_upto(d + i, n);
          all += wd;
          along += wd * ((load_upto(in + i, n) - mean[r]) * rstd[r]);
        }
        float a = float(total(all) / width), b = float(total(along) / width);
        for (long i = 0; i < width; i += L) {
          long n = width - i;
          vf xhat = (load_upto(in + i, n) - mean[r]) * rstd[r];
          vf wd = load_upto(weight + i, n) * load_upto(d + i, n);
          store_upto(dx + r * width + i, (wd - a - xhat * b) * rstd[r], n);
        }
      }
    });
  if (!d_weight && !d_bias) return;
  constexpr long piece = 256;
  long pieces = (rows + piece - 1) / piece;
  double *partial = scratch<double>(scratch_a, pieces * 2 * width);
  parallel(pieces, work, [=](long begin, long end) {
    for (long i = begin; i < end; i++) {
      long last = (i + 1) * piece < rows ? (i + 1) * piece : rows;
      double *sums = partial + i * 2 * width;
      channel_sums(
          width, i * piece, last, sums, sums + width,
          [=](long r, long c, long n, vf &a, vf &b) __attribute__((always_inline)) {
            vf d = load_upto(dy + r * width + c, n);
            a += d;
            b += d * ((load_upto(x + r * width + c, n) - mean[r]) * rstd[r]);
          });
    }
  });
  for (long c = 0; c < width; c++) {
    double db = 0, dw = 0;
    for (long i = 0; i < pieces; i++) {
      db += partial[i * 2 * width + c];
      dw += partial[i * 2 * width + width + c];
    }
    if (d_weight) d_weight[c] += float(dw);
    if (d_bias) d_bias[c] += float(db);
  }
}
