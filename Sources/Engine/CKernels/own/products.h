/// Calls body(format) with the number format that products of this precision run in here.
template <class Body> INLINE void with_format(int bf16, Body body) {
  if (bf16) body(Half{});
  else body(Single{});
}
/// Calls body(x) with the one of the two pointers that is given.
template <class Body>
INLINE void with_values(const float *f32, const uint16_t *bf16, Body body) {
  if (f32) body(f32);
  else body(bf16);
}

template <class F, class A, class B>
static void matmul_of(const A &a, const B &b, const Result &to, const ck_matmul_shape &s) {
  gemm(a, b, to, s.m, s.n, Runs<F>(s.k, 1));
}

template <class F, class S, class T>
static void matmul_one(const S *a, const T *b, const Result &to, const ck_matmul_shape &s) {
  Along<F, S> a_rows{a, s.k};
  Across<F, S> a_columns{a, s.m};
  Along<F, T> b_columns{b, s.k};
  Across<F, T> b_rows{b, s.n};
  if (s.transpose_a)
    s.transpose_b ? matmul_of<F>(a_columns, b_columns, to, s)
                  : matmul_of<F>(a_columns, b_rows, to, s);
  else
    s.transpose_b ? matmul_of<F>(a_rows, b_columns, to, s)
                  : matmul_of<F>(a_rows, b_rows, to, s);
}

static void matmul(
    const float *a_f32, const uint16_t *a_bf16, const float *b_f32, const uint16_t *b_bf16,
    const float *bias, float *c, ck_matmul_shape s) {
  if (s.k == 0) {
    for (long i = 0; i < s.batch * s.m * s.n && !s.accumulate; i++) c[i] = bias ? bias[i % s.n] : 0;
    return;
  }
  with_format(s.bf16, [&](auto format) {
    using F = decltype(format);
    with_values(a_f32, a_bf16, [&](auto *a) {
      with_values(b_f32, b_bf16, [&](auto *b) {
        auto one = [=](long i) {
          Result to = {c + i * s.m * s.n, s.n, bias, s.accumulate != 0};
          matmul_one<F>(a + i * s.m * s.k, b + i * s.k * s.n, to, s);
        };
        // Small products of a batch are shared out whole, large ones by their parts.
        double work = 2.0 * s.m * s.n * s.k;
        if (s.batch == 1 || work > 8e6) {
          for (long i = 0; i < s.batch; i++) one(i);
        } else {
          parallel(s.batch, work * s.batch, [=](long begin, long end) {
            for (long i = begin; i < end; i++) one(i);
          });
        }
      });
    });
  });
}
