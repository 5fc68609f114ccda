// AdamW with moments of a byte each; the format is defined by `MomentCode` in Reference+Optimizer.swift.

using vb = unsigned char __attribute__((ext_vector_type(16)));
using vw = unsigned long long __attribute__((ext_vector_type(16)));

constexpr long moment_block = 256;
constexpr unsigned bits_of_one = 0x3f800000;

INLINE void multiply_wide(vu x, unsigned factor, vu &high, vu &low) {
  vw product = __builtin_convertvector(x, vw) * (unsigned long long)factor;
  high = __builtin_convertvector(product >> 32, vu);
  low = __builtin_convertvector(product, vu);
}

/// Words 4 first ... 4 first + 63 of a draw: sixteen blocks of Philox4x32-10 side by side.
INLINE void random_words(ck_draw draw, unsigned first, vu (&words)[4]) {
  vu c0 = first + (vu){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  vu c1 = draw.stream[0], c2 = draw.stream[1], c3 = draw.stream[2];
  unsigned k0 = draw.key[0], k1 = draw.key[1];
  for (int round = 0; round < 10; round++) {
    vu high0, low0, high2, low2;
    multiply_wide(c0, 0xD2511F53u, high0, low0);
    multiply_wide(c2, 0xCD9E8D57u, high2, low2);
    c0 = high2 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = low2;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  // From one word of sixteen blocks to the four words of four blocks.
#define PAIRS(a, b, i) __builtin_shufflevector(                                          \
    a, b, i, i + 16, i + 1, i + 17, i + 2, i + 18, i + 3, i + 19, i + 4, i + 20, i + 5, \
    i + 21, i + 6, i + 22, i + 7, i + 23)
#define FOURS(a, b, i) __builtin_shufflevector(                                           \
    a, b, i, i + 1, i + 16, i + 17, i + 2, i + 3, i + 18, i + 19, i + 4, i + 5, i + 20, \
    i + 21, i + 6, i + 7, i + 22, i + 23)
  vu low01 = PAIRS(c0, c1, 0), high01 = PAIRS(c0, c1, 8);
  vu low23 = PAIRS(c2, c3, 0), high23 = PAIRS(c2, c3, 8);
  words[0] = FOURS(low01, low23, 0);
  words[1] = FOURS(low01, low23, 8);
  words[2] = FOURS(high01, high23, 0);
  words[3] = FOURS(high01, high23, 8);
#undef PAIRS
#undef FOURS
}

INLINE vu load_codes(const uint8_t *p) {
  vb v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, vu);
}
INLINE void store_codes(uint8_t *p, vu codes) {
  vb v = __builtin_convertvector(codes, vb);
  __builtin_memcpy(p, &v, sizeof v);
}

/// Size number `size` of `top`, as a share of the scale; 0 for number 0.
template <unsigned dropped, unsigned top> INLINE vf size_of(vu size) {
  vu bits = (size + ((bits_of_one >> dropped) - top)) << dropped;
  return __builtin_bit_cast(vf, size == 0u ? (vu)0u : bits);
}
/// The number of the size below or above x / scale, as 15 random bits say.
template <unsigned dropped, unsigned top, int least> INLINE vu number_of(vf x, float scale, vu random) {
  vf share = x / (scale > 0 ? scale : 1);
  share = share > 1.f ? (vf)1.f : share;
  vu steps = (__builtin_bit_cast(vu, share) + (random << (dropped - 15))) >> dropped;
  vi size = __builtin_bit_cast(vi, steps) - int((bits_of_one >> dropped) - top);
  size = size < least ? (vi)least : size;
  size = size > int(top) ? (vi)int(top) : size;
  return __builtin_bit_cast(vu, x > 0.f ? size : (vi)0);
}

static void adamw_compact(
    float *p, const float *gradient, uint8_t *m, uint8_t *v, float *scales, long n,
    ck_adamw_step s, ck_draw draw) {
  float decay = 1 - s.learning_rate * s.weight_decay;
  float rate = s.learning_rate / s.correction1, correction = 1 / sqrtf(s.correction2);
  parallel((n + moment_block - 1) / moment_block, n * 8.0, [=](long begin, long end) {
    for (long block = begin; block < end; block++) {
      long first = block * moment_block, count = n - first < moment_block ? n - first : moment_block;
      uint8_t m_codes[moment_block] = {}, v_codes[moment_block] = {};
      float m1[moment_block], root[moment_block];
      __builtin_memcpy(m_codes, m + first, count);
      __builtin_memcpy(v_codes, v + first, count);
      vf m_largest = 0.f, v_largest = 0.f;
      for (long i = 0; i < count; i += L) {
        vu code = load_codes(m_codes + i);
        vf m0 = size_of<20, 127>(code & 127u) * scales[2 * block];
        m0 = (code & 128u) != 0u ? -m0 : m0;
        vf r0 = size_of<19, 255>(load_codes(v_codes + i)) * scales[2 * block + 1];
        vf g = load_upto(gradient + first + i, count - i) * s.gradient_scale;
        vf moved = m0 * s.beta1 + g * (1 - s.beta1);
        vf r1 = __builtin_elementwise_sqrt(r0 * r0 * s.beta2 + g * g * (1 - s.beta2));
        vf w = load_upto(p + first + i, count - i) * decay;
        store_upto(p + first + i, w - rate * moved / (r1 * correction + s.epsilon), count - i);
        store(m1 + i, moved);
        store(root + i, r1);
        m_largest = maximum(m_largest, __builtin_elementwise_abs(moved));
        v_largest = maximum(v_largest, r1);
      }
      float m_scale = largest(m_largest), v_scale = largest(v_largest);
      scales[2 * block] = m_scale;
      scales[2 * block + 1] = v_scale;
      vu words[4];
      for (long i = 0; i < count; i += L) {
        if (i % (4 * L) == 0) random_words(draw, unsigned((first + i) / 4), words);
        vu random = words[i / L % 4];
        vf moved = load(m1 + i);
        vu sign = __builtin_bit_cast(vu, moved) >> 24 & 128u;
        store_codes(
            m_codes + i,
            number_of<20, 127, 0>(__builtin_elementwise_abs(moved), m_scale, random & 0x7fffu) |
                sign);
        store_codes(
            v_codes + i, number_of<19, 255, 1>(load(root + i), v_scale, random >> 15 & 0x7fffu));
      }
      __builtin_memcpy(m + first, m_codes, count);
      __builtin_memcpy(v + first, v_codes, count);
    }
  });
}
