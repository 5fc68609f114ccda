// Sixteen floats as one value. On AVX-512 that is a register, elsewhere the compiler splits it;
// the order of every reduction is therefore the same on each instruction set.

constexpr long L = 16;
using vf = float __attribute__((ext_vector_type(16)));
using vi = int __attribute__((ext_vector_type(16)));
using vd = double __attribute__((ext_vector_type(16)));
using vh = unsigned short __attribute__((ext_vector_type(16)));
using vu = unsigned __attribute__((ext_vector_type(16)));

#define INLINE static inline __attribute__((always_inline))
#define INLINE_MEMBER inline __attribute__((always_inline))

INLINE vf load(const float *p) {
  vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float *p, vf v) { __builtin_memcpy(p, &v, sizeof v); }

/// The first n < 16 lanes; the rest are 0.
INLINE vf load_part(const float *p, long n) {
#ifdef CK_MASKED
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  vf v = 0;
  for (long i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}
INLINE void store_part(float *p, vf v, long n) {
#ifdef CK_MASKED
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  for (long i = 0; i < n; i++) p[i] = v[i];
#endif
}
INLINE vf load_upto(const float *p, long n) { return n >= L ? load(p) : load_part(p, n); }
INLINE void store_upto(float *p, vf v, long n) { n >= L ? store(p, v) : store_part(p, v, n); }

INLINE vd widen(vf v) { return __builtin_convertvector(v, vd); }
INLINE double total(vd v) {
  double s = 0;
  for (int i = 0; i < L; i++) s += v[i];
  return s;
}
INLINE double total(vf v) { return total(widen(v)); }
INLINE float largest(vf v) {
  float m = v[0];
  for (int i = 1; i < L; i++) m = v[i] > m ? v[i] : m;
  return m;
}
INLINE vf maximum(vf a, vf b) { return a > b ? a : b; }

/// exp(x) within 2 ulp; 0 and infinity outside the range of float, NaN stays NaN.
/// Cephes' expf: x = n ln 2 + r, polynomial in r, scaled by 2^n in two halves.
INLINE vf exp(vf x) {
  x = x > 89.f ? (vf)89.f : x;
  x = x < -104.f ? (vf)-104.f : x;
  const float magic = 12582912.f;  // adding it rounds to an integer, kept in the low bits
  vf shifted = x * 1.44269504088896341f + magic;
  vf n = shifted - magic;
  vi i = __builtin_bit_cast(vi, shifted) - __builtin_bit_cast(int, magic);
  vf r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  vf y = p * (r * r) + r + 1.f;
  vi half = i >> 1;
  vf low = __builtin_bit_cast(vf, (half + 127) << 23);
  vf high = __builtin_bit_cast(vf, (i - half + 127) << 23);
  return y * low * high;
}

/// 2^x for x <= 0 within 4e-6, for values that bf16 rounds.
INLINE vf exp2_coarse(vf x) {
  const float magic = 12582912.f;
  x = x < -126.f ? (vf)-126.f : x;
  vf shifted = x + magic;
  vf r = x - (shifted - magic);
  vf p = r * 1.33335581e-3f + 9.61812911e-3f;
  p = p * r + 5.55041087e-2f;
  p = p * r + 2.40226507e-1f;
  p = p * r + 6.93147182e-1f;
  p = p * r + 1.f;
  return __builtin_bit_cast(vf, __builtin_bit_cast(vi, p) + (__builtin_bit_cast(vi, shifted) << 23));
}

INLINE vf sigmoid(vf x) { return 1.f / (1.f + exp(-x)); }

/// erf(x) within a few ulp: rational approximation x P(x^2) / Q(x^2) on [-4, 4], as in Eigen.
INLINE vf erf(vf x) {
  x = x > 4.f ? (vf)4.f : x;
  x = x < -4.f ? (vf)-4.f : x;
  vf s = x * x;
  vf p = s * -2.72614225801306e-10f + 2.77068142495902e-08f;
  p = p * s + -2.10102402082508e-06f;
  p = p * s + -5.69250639462346e-05f;
  p = p * s + -7.34990630326855e-04f;
  p = p * s + -2.95459980854025e-03f;
  p = p * s + -1.60960333262415e-02f;
  vf q = s * -1.45660718464996e-05f + -2.13374055278905e-04f;
  q = q * s + -1.68282697438203e-03f;
  q = q * s + -7.37332916720468e-03f;
  q = q * s + -1.42647390514189e-02f;
  return x * p / q;
}
/// The normal distribution function.
INLINE vf phi(vf x) { return 0.5f + 0.5f * erf(x * 0.70710678118654752f); }

/// Transposes sixteen rows of sixteen: four rounds that interleave row i with row i + 8.
INLINE void transpose(vf (&row)[L]) {
  for (int round = 0; round < 4; round++) {
    vf mixed[L];
    for (int i = 0; i < L / 2; i++) {
      mixed[2 * i] = __builtin_shufflevector(
          row[i], row[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      mixed[2 * i + 1] = __builtin_shufflevector(
          row[i], row[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < L; i++) row[i] = mixed[i];
  }
}
/// y[j, i] = x[i, j] for at most 16 rows and columns; rows of y get `fill` values, 0 beyond `rows`.
INLINE void transpose_tile(
    const float *x, long x_row, float *y, long y_row, long rows, long columns, long fill) {
  vf tile[L];
  for (long i = 0; i < L; i++) tile[i] = i < rows ? load_upto(x + i * x_row, columns) : (vf)0.f;
  transpose(tile);
  for (long j = 0; j < L; j++)
    if (j < columns) store_upto(y + j * y_row, tile[j], fill);
}

INLINE vf each(vf x, float (*f)(float)) {
  for (int i = 0; i < L; i++) x[i] = f(x[i]);
  return x;
}
