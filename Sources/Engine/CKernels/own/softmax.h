static void softmax(const float *x, float *y, long rows, long width) {
  parallel(rows, 4.0 * rows * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      const float *in = x + r * width;
      float *out = y + r * width;
      vf lanes = -INFINITY;
      long full = width / L * L, rest = width - full;
      for (long i = 0; i < full; i += L) lanes = maximum(lanes, load(in + i));
      float top = largest(lanes);
      for (long i = full; i < width; i++) top = in[i] > top ? in[i] : top;
      vf sums = 0;
      for (long i = 0; i < full; i += L) {
        vf e = exp(load(in + i) - top);
        sums += e;
        store(out + i, e);
      }
      double sum = total(sums);
      if (rest) {
        vf e = exp(load_part(in + full, rest) - top);
        store_part(out + full, e, rest);
        for (long i = 0; i < rest; i++) sum += e[i];
      }
      float scale = float(1 / sum);
      for (long i = 0; i < width; i += L)
        store_upto(out + i, load_upto(out + i, width - i) * scale, width - i);
    }
  });
}

static void softmax_backward(
    const float *y, const float *dy, float *dx, long rows, long width) {
  parallel(rows, 2.0 * rows * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      const float *p = y + r * width, *dp = dy + r * width;
      vf sums = 0;
      for (long i = 0; i < width; i += L)
        sums += load_upto(p + i, width - i) * load_upto(dp + i, width - i);
      float dot = float(total(sums));
      for (long i = 0; i < width; i += L) {
        long n = width - i;
        store_upto(dx + r * width + i, load_upto(p + i, n) * (load_upto(dp + i, n) - dot), n);
      }
    }
  });
}
