// Products on AMX tiles: registers of 16 rows of 64 bytes. A step multiplies 16 x 16 words of A
// with 16 x 16 words of B; four tiles of sums make 32 rows of 32 columns.

#ifdef CK_AMX_EMULATED
// The same with tiles in memory, so that tests on other processors see every index.
static thread_local uint32_t tile_memory[8][16][16];

template <int T> INLINE void zero_tile() { memset(tile_memory[T], 0, sizeof tile_memory[T]); }
template <int T> INLINE void load_tile(const void *from, long bytes) {
  for (int row = 0; row < 16; row++)
    memcpy(tile_memory[T][row], (const char *)from + row * bytes, 64);
}
template <int T> INLINE void store_tile(void *to, long bytes) {
  for (int row = 0; row < 16; row++) memcpy((char *)to + row * bytes, tile_memory[T][row], 64);
}
template <int C, int A, int B> INLINE void multiply_tiles() {
  for (int row = 0; row < 16; row++) {
    vf sum;
    __builtin_memcpy(&sum, tile_memory[C][row], sizeof sum);
    for (int word = 0; word < 16; word++) {
      vu right, left = tile_memory[A][row][word];
      __builtin_memcpy(&right, tile_memory[B][word], sizeof right);
      sum = Half::add_product(sum, left, right);
    }
    __builtin_memcpy(tile_memory[C][row], &sum, sizeof sum);
  }
}
INLINE void configure_tiles() {}
#else
template <int T> INLINE void zero_tile() { _tile_zero(T); }
template <int T> INLINE void load_tile(const void *from, long bytes) {
  _tile_loadd(T, from, bytes);
}
template <int T> INLINE void store_tile(void *to, long bytes) { _tile_stored(T, to, bytes); }
template <int C, int A, int B> INLINE void multiply_tiles() { _tile_dpbf16ps(C, A, B); }

/// Palette 1, eight full tiles: once for each thread.
INLINE void configure_tiles() {
  static thread_local bool configured = false;
  if (configured) return;
  struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
  } shape = {};
  shape.palette = 1;
  for (int tile = 0; tile < 8; tile++) shape.row_bytes[tile] = 64, shape.rows[tile] = 16;
  _tile_loadconfig(&shape);
  configured = true;
}
#endif

/// Up to 32 packed rows times one panel of 32 columns; `words` is a multiple of 16. Rows and
/// columns that do not exist are multiplied where a tile holds others that do, and not stored.
static void amx_tiles(
    long words, const uint32_t *a, const uint32_t *b, const Result &to, long rows, long columns) {
  constexpr long a_bytes = 4 * row_stride, b_bytes = 4 * panel_width;
  configure_tiles();
  bool low = rows > 16, right = columns > 16;
  zero_tile<0>(), zero_tile<1>(), zero_tile<2>(), zero_tile<3>();
  for (long w = 0; w < words; w += 16) {
    load_tile<4>(a + w, a_bytes);
    load_tile<6>(b + w * panel_width, b_bytes);
    multiply_tiles<0, 4, 6>();
    if (right) {
      load_tile<7>(b + w * panel_width + 16, b_bytes);
      multiply_tiles<1, 4, 7>();
    }
    if (low) {
      load_tile<5>(a + 16 * row_stride + w, a_bytes);
      multiply_tiles<2, 5, 6>();
      if (right) multiply_tiles<3, 5, 7>();
    }
  }
  alignas(64) float sums[32][32];
  store_tile<0>(sums[0], sizeof sums[0]);
  store_tile<1>(sums[0] + 16, sizeof sums[0]);
  store_tile<2>(sums[16], sizeof sums[0]);
  store_tile<3>(sums[16] + 16, sizeof sums[0]);
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < columns; j += L) {
      long n = columns - j;
      float *c = to.c + i * to.stride + j;
      vf v = load(sums[i] + j);
      if (to.bias) v += load_upto(to.bias + j, n);
      if (to.add) v += load_upto(c, n);
      store_upto(c, v, n);
    }
}
