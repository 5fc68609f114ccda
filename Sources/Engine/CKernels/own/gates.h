// Gated layers: rows [h, gate] of 2 width, in either number format.

template <class S> static void geglu_of(const S *x, float *y, long rows, long width) {
  parallel(rows, 8.0 * rows * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      const S *h = x + r * 2 * width, *gate = h + width;
      for (long i = 0; i < width; i += L) {
        long n = width - i;
        store_upto(y + r * width + i, values(h + i, n) * Gelu::f(values(gate + i, n)), n);
      }
    }
  });
}
template <class S>
static void geglu_gradient(const S *x, const float *dy, float *dx, long rows, long width) {
  parallel(rows, 12.0 * rows * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      const S *h = x + r * 2 * width, *gate = h + width;
      float *dh = dx + r * 2 * width, *d_gate = dh + width;
      for (long i = 0; i < width; i += L) {
        long n = width - i;
        vf d = load_upto(dy + r * width + i, n), g = values(gate + i, n);
        store_upto(dh + i, d * Gelu::f(g), n);
        store_upto(d_gate + i, d * values(h + i, n) * Gelu::df(g), n);
      }
    }
  });
}

/// y = h gelu(gate)
static void
geglu(const float *f32, const uint16_t *bf16, float *y, long rows, long width) {
  with_values(f32, bf16, [=](auto *x) { geglu_of(x, y, rows, width); });
}
/// dh = dy gelu(gate), dgate = dy h gelu'(gate)
static void geglu_backward(
    const float *f32, const uint16_t *bf16, const float *dy, float *dx, long rows, long width) {
  with_values(f32, bf16, [=](auto *x) { geglu_gradient(x, dy, dx, rows, width); });
}
