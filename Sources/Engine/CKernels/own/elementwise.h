// One struct per function: value f(x) and derivative df(x).
struct Silu {
  INLINE vf f(vf x) { return x * sigmoid(x); }
  INLINE vf df(vf x) {
    vf s = sigmoid(x);
    return s + x * s * (1.f - s);
  }
};
struct Gelu {
  INLINE vf f(vf x) { return x * phi(x); }
  INLINE vf df(vf x) { return phi(x) + x * (0.3989422804014327f * exp(-0.5f * x * x)); }
};
struct QuickGelu {
  INLINE vf f(vf x) { return x * sigmoid(1.702f * x); }
  INLINE vf df(vf x) {
    vf s = sigmoid(1.702f * x);
    return s + 1.702f * x * s * (1.f - s);
  }
};
struct Sigmoid {
  INLINE vf f(vf x) { return sigmoid(x); }
  INLINE vf df(vf x) {
    vf s = sigmoid(x);
    return s * (1.f - s);
  }
};
struct Tanh {
  INLINE vf f(vf x) { return each(x, tanhf); }
  INLINE vf df(vf x) {
    vf t = each(x, tanhf);
    return 1.f - t * t;
  }
};
struct Exp {
  INLINE vf f(vf x) { return exp(x); }
  INLINE vf df(vf x) { return exp(x); }
};
struct Log {
  INLINE vf f(vf x) { return each(x, logf); }
  INLINE vf df(vf x) { return 1.f / x; }
};
struct Sqrt {
  INLINE vf f(vf x) { return __builtin_elementwise_sqrt(x); }
  INLINE vf df(vf x) { return 0.5f / __builtin_elementwise_sqrt(x); }
};
struct Square {
  INLINE vf f(vf x) { return x * x; }
  INLINE vf df(vf x) { return 2.f * x; }
};
struct Abs {
  INLINE vf f(vf x) { return __builtin_elementwise_abs(x); }
  INLINE vf df(vf x) { return x > 0.f ? (vf)1.f : (x < 0.f ? (vf)-1.f : x); }
};
struct Reciprocal {
  INLINE vf f(vf x) { return 1.f / x; }
  INLINE vf df(vf x) { return -1.f / (x * x); }
};
struct Negate {
  INLINE vf f(vf x) { return -x; }
  INLINE vf df(vf) { return -1.f; }
};
struct Relu {
  INLINE vf f(vf x) { return x < 0.f ? (vf)0.f : x; }
  INLINE vf df(vf x) { return x > 0.f ? (vf)1.f : (vf)0.f; }
};

struct Add { INLINE vf f(vf a, vf b) { return a + b; } };
struct Subtract { INLINE vf f(vf a, vf b) { return a - b; } };
struct Multiply { INLINE vf f(vf a, vf b) { return a * b; } };
struct Divide { INLINE vf f(vf a, vf b) { return a / b; } };

constexpr long chunk = 8192;

/// Calls body(i, lanes) for each vector of [0, n), in chunks shared out to the team.
/// `cost` weighs one element against a plain copy.
template <class F> static void vectors(long n, double cost, F body) {
  parallel((n + chunk - 1) / chunk, n * cost, [=](long begin, long end) {
    long last = end * chunk < n ? end * chunk : n;
    long i = begin * chunk;
    for (; i + L <= last; i += L) body(i, L);
    if (i < last) body(i, last - i);
  });
}

template <class Op> static void unary_loop(const float *x, float *y, long n) {
  vectors(n, 4, [=](long i, long lanes) __attribute__((always_inline)) {
    store_upto(y + i, Op::f(load_upto(x + i, lanes)), lanes);
  });
}
template <class Op>
static void unary_backward_loop(const float *x, const float *dy, float *dx, long n) {
  vectors(n, 4, [=](long i, long lanes) __attribute__((always_inline)) {
    store_upto(dx + i, load_upto(dy + i, lanes) * Op::df(load_upto(x + i, lanes)), lanes);
  });
}
template <class Op> static void binary_loop(const float *a, const float *b, float *y, long n) {
  vectors(n, 1, [=](long i, long lanes) __attribute__((always_inline)) {
    store_upto(y + i, Op::f(load_upto(a + i, lanes), load_upto(b + i, lanes)), lanes);
  });
}
template <class Op>
static void broadcast_loop(
    const float *a, const float *b, float *y, long outer, long middle, long inner) {
  if (inner == 1) {
    long pieces = (middle + chunk - 1) / chunk;
    parallel(outer * pieces, double(outer) * middle, [=](long begin, long end) {
      for (long task = begin; task < end; task++) {
        long o = task / pieces, m = task % pieces * chunk;
        long last = m + chunk < middle ? m + chunk : middle;
        vf right = b[o];
        for (; m < last; m += L)
          store_upto(
              y + o * middle + m, Op::f(load_upto(a + o * middle + m, last - m), right),
              last - m);
      }
    });
    return;
  }
  parallel(outer * middle, double(outer) * middle * inner, [=](long begin, long end) {
    for (long row = begin; row < end; row++) {
      const float *left = a + row * inner, *right = b + row / middle * inner;
      for (long i = 0; i < inner; i += L)
        store_upto(
            y + row * inner + i,
            Op::f(load_upto(left + i, inner - i), load_upto(right + i, inner - i)), inner - i);
    }
  });
}

#define EACH_UNARY(CASE) \
  CASE(CK_SILU, Silu) CASE(CK_GELU, Gelu) CASE(CK_QUICK_GELU, QuickGelu) \
  CASE(CK_SIGMOID, Sigmoid) CASE(CK_TANH, Tanh) CASE(CK_EXP, Exp) CASE(CK_LOG, Log) \
  CASE(CK_SQRT, Sqrt) CASE(CK_SQUARE, Square) CASE(CK_ABS, Abs) \
  CASE(CK_RECIPROCAL, Reciprocal) CASE(CK_NEGATE, Negate) CASE(CK_RELU, Relu)
#define EACH_BINARY(CASE) \
  CASE(CK_ADD, Add) CASE(CK_SUBTRACT, Subtract) CASE(CK_MULTIPLY, Multiply) \
  CASE(CK_DIVIDE, Divide)

static void unary(int f, const float *x, float *y, long n) {
#define CASE(code, Op) case code: return unary_loop<Op>(x, y, n);
  switch (f) { EACH_UNARY(CASE) }
#undef CASE
}
static void unary_backward(int f, const float *x, const float *dy, float *dx, long n) {
#define CASE(code, Op) case code: return unary_backward_loop<Op>(x, dy, dx, n);
  switch (f) { EACH_UNARY(CASE) }
#undef CASE
}
static void binary(int op, const float *a, const float *b, float *y, long n) {
#define CASE(code, Op) case code: return binary_loop<Op>(a, b, y, n);
  switch (op) { EACH_BINARY(CASE) }
#undef CASE
}
static void broadcast(
    int op, const float *a, const float *b, float *y, long outer, long middle, long inner) {
#define CASE(code, Op) case code: return broadcast_loop<Op>(a, b, y, outer, middle, inner);
  switch (op) { EACH_BINARY(CASE) }
#undef CASE
}
#undef EACH_UNARY
#undef EACH_BINARY

static void affine(const float *x, float *y, float scale, float shift, long n) {
  vectors(n, 1, [=](long i, long lanes) __attribute__((always_inline)) {
    store_upto(y + i, load_upto(x + i, lanes) * scale + shift, lanes);
  });
}
static void accumulate(const float *x, float scale, float *y, long n) {
  vectors(n, 1, [=](long i, long lanes) __attribute__((always_inline)) {
    store_upto(y + i, load_upto(y + i, lanes) + load_upto(x + i, lanes) * scale, lanes);
  });
}

/// Round to nearest even; NaN keeps its sign and becomes quiet.
INLINE vh rounded_bf16(vf x) {
  vu bits = __builtin_bit_cast(vu, x);
  vu rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  vu nan = (bits >> 16) | 0x40u;
  return __builtin_convertvector((bits & 0x7fffffffu) > 0x7f800000u ? nan : rounded, vh);
}
static void to_bf16(const float *x, uint16_t *y, long n) {
  vectors(n, 1, [=](long i, long lanes) __attribute__((always_inline)) {
    vh h = rounded_bf16(load_upto(x + i, lanes));
    if (lanes == L) {
      __builtin_memcpy(y + i, &h, sizeof h);
    } else {
      for (long j = 0; j < lanes; j++) y[i + j] = h[j];
    }
  });
}
static void from_bf16(const uint16_t *x, float *y, long n) {
  vectors(n, 1, [=](long i, long lanes) __attribute__((always_inline)) {
    vh h = 0;
    if (lanes == L) {
      __builtin_memcpy(&h, x + i, sizeof h);
    } else {
      for (long j = 0; j < lanes; j++) h[j] = x[i + j];
    }
    store_upto(y + i, __builtin_bit_cast(vf, __builtin_convertvector(h, vu) << 16), lanes);
  });
}

/// Exact. The exponent is moved by a product, which also takes care of numbers below the normal ones.
static void from_f16(const uint16_t *x, float *y, long n) {
  vectors(n, 1, [=](long i, long lanes) __attribute__((always_inline)) {
    vh h = 0;
    if (lanes == L) {
      __builtin_memcpy(&h, x + i, sizeof h);
    } else {
      for (long j = 0; j < lanes; j++) h[j] = x[i + j];
    }
    vu bits = __builtin_convertvector(h, vu);
    vu size = (bits & 0x7fffu) << 13;
    vu moved = __builtin_bit_cast(vu, __builtin_bit_cast(vf, size) * 0x1p112f);
    vu finite_or_not = size >= 0x0f800000u ? size | 0x7f800000u : moved;
    store_upto(y + i, __builtin_bit_cast(vf, finite_or_not | (bits & 0x8000u) << 16), lanes);
  });
}

static void adamw(
    float *p, const float *gradient, float *m, float *v, long n, ck_adamw_step s) {
  float decay = 1 - s.learning_rate * s.weight_decay;
  float rate = s.learning_rate / s.correction1, root = 1 / sqrtf(s.correction2);
  vectors(n, 4, [=](long i, long lanes) __attribute__((always_inline)) {
    vf g = load_upto(gradient + i, lanes) * s.gradient_scale;
    vf m1 = load_upto(m + i, lanes) * s.beta1 + g * (1 - s.beta1);
    vf v1 = load_upto(v + i, lanes) * s.beta2 + g * g * (1 - s.beta2);
    vf step = rate * m1 / (__builtin_elementwise_sqrt(v1) * root + s.epsilon);
    store_upto(m + i, m1, lanes);
    store_upto(v + i, v1, lanes);
    store_upto(p + i, load_upto(p + i, lanes) * decay - step, lanes);
  });
}
