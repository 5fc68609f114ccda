// Number formats of products. The unit along k is a word of 32 bits: one f32, or two neighbouring
// bf16 values, the earlier in the low half, as the dot products of AVX-512 and AMX read them.

#if defined(CK_MASKED)
constexpr long vector_rows = 12, panel_vectors = 2;  // 24 sums in 32 registers
#elif defined(__aarch64__) || defined(CK_FMA)
constexpr long vector_rows = 6, panel_vectors = 1;  // 12 sums in 16 registers, 24 in 32
#else
constexpr long vector_rows = 3, panel_vectors = 1;
#endif
constexpr long panel_width = panel_vectors * L;

/// Values from memory of either format.
INLINE vf values(const float *p, long n) { return load_upto(p, n); }
INLINE vf values(const uint16_t *p, long n) {
  vh h = 0;
  if (n >= L) {
    __builtin_memcpy(&h, p, sizeof h);
  } else {
    for (long i = 0; i < n; i++) h[i] = p[i];
  }
  return __builtin_bit_cast(vf, __builtin_convertvector(h, vu) << 16);
}

/// f32 as it is.
struct Single {
  static constexpr long pair = 1;         // values in a word
  static constexpr long rows = vector_rows;  // of A that are packed together
  static constexpr long step = 1;         // words of k that are multiplied together
  template <class S> static INLINE_MEMBER vf value(const S *p, long n) {
    return n > 0 ? values(p, n) : (vf)0.f;
  }
  /// Sixteen words of one line: values p[0], p[1], ..., zeros from n on.
  template <class S> static INLINE_MEMBER vu along(const S *p, long n) {
    return __builtin_bit_cast(vu, value(p, n));
  }
  /// One word of n <= 16 lines: value i comes from even[i], its neighbour along k from odd[i].
  template <class S> static INLINE_MEMBER vu across(const S *even, const S *, long n) {
    return even ? along(even, n) : (vu)0u;
  }
  static INLINE_MEMBER vf add_product(vf sum, vu a, vu b) {
    return sum + __builtin_bit_cast(vf, a) * __builtin_bit_cast(vf, b);
  }
};

INLINE vu rounded_bits(vf x) { return __builtin_convertvector(rounded_bf16(x), vu); }

/// Values that bf16 holds, multiplied in f32: where the processor has no bf16 products.
struct Rounded : Single {
  template <class S> static INLINE_MEMBER vu along(const S *p, long n) {
    return rounded_bits(value(p, n)) << 16;
  }
  template <class S> static INLINE_MEMBER vu across(const S *even, const S *, long n) {
    return even ? along(even, n) : (vu)0u;
  }
};

#ifdef CK_BF16
/// bf16 pairs; products are exact in f32, sums are f32.
struct Half {
  static constexpr long pair = 2;
#ifdef CK_AMX
  static constexpr long rows = 32, step = 16;
#else
  static constexpr long rows = vector_rows, step = 1;
#endif

  static INLINE_MEMBER vu along(const float *p, long n) {
    vf low = Single::value(p, n), high = Single::value(p + L, n - L);
    return (vu)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
  }
  static INLINE_MEMBER vu along(const uint16_t *p, long n) {
    if (n <= 0) return (vu)0u;
    __mmask32 mask = n >= 2 * L ? ~0u : (1u << n) - 1;
    return (vu)_mm512_maskz_loadu_epi16(mask, p);
  }
  static INLINE_MEMBER vu halves(const float *p, long n) {
    if (!p) return (vu)0u;
    __m256i bits = (__m256i)_mm512_cvtneps_pbh((__m512)values(p, n));
    return (vu)_mm512_cvtepu16_epi32(bits);
  }
  static INLINE_MEMBER vu halves(const uint16_t *p, long n) {
    return p ? __builtin_bit_cast(vu, values(p, n)) >> 16 : (vu)0u;
  }
  template <class S> static INLINE_MEMBER vu across(const S *even, const S *odd, long n) {
    return halves(even, n) | halves(odd, n) << 16;
  }
  static INLINE_MEMBER vf add_product(vf sum, vu a, vu b) {
    return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
  }
};
#else
using Half = Rounded;
#endif
