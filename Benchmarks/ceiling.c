/* What this processor can do at most: multiply-adds in registers, by instruction set and number format, and a copy of
   400 MB. Every thread works for half a second; the best of three rounds counts.

       cc -O2 -pthread ceiling.c -o ceiling && ./ceiling THREADS

   Prints one JSON object: billions of operations a second (a multiply-add is two), and 10^9 bytes read plus written a
   second. A set that the processor lacks is left out. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
#include <immintrin.h>

/* Each loop keeps more sums in flight than a multiply-add takes cycles, and returns operations done. */
#define SUMS(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define TURNS 100000
static volatile float sink;

__attribute__((target("avx2,fma"))) static double avx2_f32(void) {
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f), s[12];
  for (int i = 0; i < 12; i++) s[i] = _mm256_set1_ps(i);
  for (int n = 0; n < TURNS; n++) {
#define DO(i) s[i] = _mm256_fmadd_ps(s[i], a, b);
    SUMS(DO)
#undef DO
    __asm__ volatile("" : "+x"(a), "+x"(b));
  }
  for (int i = 0; i < 12; i++) sink = _mm256_cvtss_f32(s[i]);
  return 2.0 * 8 * 12 * TURNS;
}

__attribute__((target("avx512f"))) static double avx512_f32(void) {
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f), s[12];
  for (int i = 0; i < 12; i++) s[i] = _mm512_set1_ps(i);
  for (int n = 0; n < TURNS; n++) {
#define DO(i) s[i] = _mm512_fmadd_ps(s[i], a, b);
    SUMS(DO)
#undef DO
    __asm__ volatile("" : "+v"(a), "+v"(b));
  }
  for (int i = 0; i < 12; i++) sink = _mm512_cvtss_f32(s[i]);
  return 2.0 * 16 * 12 * TURNS;
}

__attribute__((target("avx512f,avx512bf16"))) static double avx512_bf16(void) {
  __m512 s[12];
  __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f003f00), b = (__m512bh)_mm512_set1_epi32(0x3e803e80);
  for (int i = 0; i < 12; i++) s[i] = _mm512_set1_ps(i);
  for (int n = 0; n < TURNS; n++) {
#define DO(i) s[i] = _mm512_dpbf16_ps(s[i], a, b);
    SUMS(DO)
#undef DO
    __asm__ volatile("" : "+v"(a), "+v"(b));
  }
  for (int i = 0; i < 12; i++) sink = _mm512_cvtss_f32(s[i]);
  return 2.0 * 32 * 12 * TURNS;
}

__attribute__((target("amx-tile,amx-bf16"))) static double amx_bf16(void) {
  struct { unsigned char palette, start, none[14]; unsigned short bytes[16]; unsigned char rows[16]; } shape = {1};
  for (int i = 0; i < 8; i++) shape.bytes[i] = 64, shape.rows[i] = 16;
  _tile_loadconfig(&shape);
  _tile_zero(0); _tile_zero(1); _tile_zero(2); _tile_zero(3);
  _tile_zero(4); _tile_zero(5); _tile_zero(6); _tile_zero(7);
  for (int n = 0; n < TURNS; n++) {
    _tile_dpbf16ps(0, 4, 6); _tile_dpbf16ps(1, 4, 7); _tile_dpbf16ps(2, 5, 6); _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 2.0 * 16 * 16 * 32 * 4 * TURNS;
}

static int has_amx(void) {
  unsigned a = 7, b, c = 0, d;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (d >> 24 & 1) && (d >> 22 & 1) && !syscall(SYS_arch_prctl, 0x1023, 18);
}
#endif

static const size_t copied = 400u << 20;
typedef struct {
  double (*loop)(void);
  char *from, *to;
  size_t bytes;
  pthread_barrier_t *barrier;
  double rate;
} Part;

static void *work(void *argument) {
  Part *p = argument;
  for (int round = 0; round < 3; round++) {
    pthread_barrier_wait(p->barrier);
    double start = now(), done = 0, end;
    do {
      if (p->loop) done += p->loop();
      else memcpy(p->to, p->from, p->bytes), done += 2.0 * p->bytes;
      end = now();
    } while (end - start < 0.5);
    double rate = done / (end - start);
    if (rate > p->rate) p->rate = rate;
  }
  return 0;
}

/* Billions a second over all threads. */
static double measure(int threads, double (*loop)(void), char *from, char *to) {
  pthread_t ids[threads];
  Part parts[threads];
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, 0, threads);
  size_t share = copied / threads & ~(size_t)63;
  for (int i = 0; i < threads; i++) {
    parts[i] = (Part){loop, from + i * share, to + i * share, share, &barrier, 0};
    pthread_create(&ids[i], 0, work, &parts[i]);
  }
  double rate = 0;
  for (int i = 0; i < threads; i++) pthread_join(ids[i], 0), rate += parts[i].rate;
  return rate * 1e-9;
}

int main(int count, char **arguments) {
  int threads = count > 1 ? atoi(arguments[1]) : 1;
  char *from = malloc(copied), *to = malloc(copied);
  if (threads < 1 || !from || !to) return fprintf(stderr, "ceiling: THREADS above 0 and 800 MB are needed\n"), 1;
  memset(from, 1, copied), memset(to, 2, copied);
  printf("{\"copy\": %.2f", measure(threads, 0, from, to));
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    printf(", \"avx2\": %.1f", measure(threads, avx2_f32, from, to));
  if (__builtin_cpu_supports("avx512f")) printf(", \"avx512\": %.1f", measure(threads, avx512_f32, from, to));
  if (__builtin_cpu_supports("avx512bf16"))
    printf(", \"avx512_bf16\": %.1f", measure(threads, avx512_bf16, from, to));
  if (has_amx()) printf(", \"amx\": %.1f", measure(threads, amx_bf16, from, to));
#endif
  printf("}\n");
  return 0;
}
