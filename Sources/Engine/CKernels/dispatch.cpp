#include "own_table.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// Which instruction set the kernels run on: the best that the processor and its system offer, or
// what a test asked for.
namespace {

struct Choice {
  const char *name;
  bool available;
  const ck::OwnKernels *table;
};

#if defined(__x86_64__)
/// Linux lends the tile registers to a process that asks; threads started later inherit them.
bool may_use_tiles() {
  constexpr long request_permission = 0x1023, tile_data = 18;
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

/// Whether tiles give the products that everything else gives: a virtual machine may offer them
/// without keeping them. Small integers are exact.
bool tiles_multiply() {
  constexpr long side = 20;
  float a[side * side], b[side * side], found[side * side], expected[side * side];
  for (long i = 0; i < side * side; i++) a[i] = float(i % 7), b[i] = float(i % 5);
  ck_matmul_shape shape = {side, side, side, 1, false, false, false, true};
  ck::amx::table.matmul(a, nullptr, b, nullptr, nullptr, found, shape);
  ck::base::table.matmul(a, nullptr, b, nullptr, nullptr, expected, shape);
  return !memcmp(found, expected, sizeof found);
}
#endif

const Choice *choices() {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                           __builtin_cpu_supports("bmi2");
  static const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                             __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512dq");
  static const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  static const bool amx = bf16 && may_use_tiles() && tiles_multiply();
  static const Choice all[] = {
      {"amx_emulated", bf16, &ck::amx_emulated::table},  // for tests alone
      {"amx", amx, &ck::amx::table},
      {"avx512_bf16", bf16, &ck::avx512_bf16::table},
      {"avx512", avx512, &ck::avx512::table},
      {"avx2", avx2, &ck::avx2::table},
      {"base", true, &ck::base::table}};
#else
  static const Choice all[] = {{"base", true, &ck::base::table}};
#endif
  return all;
}

/// The first available one from `from` on; an unknown name is the last.
const Choice *best(const char *from) {
  const Choice *choice = choices();
  while (strcmp(choice->name, from) && choice->table != &ck::base::table) choice++;
  while (!choice->available) choice++;
  return choice;
}

// A test's limit holds for its thread: others that run beside it keep their bits.
thread_local const Choice *limited = nullptr;

const Choice &current() {
  static const Choice *all = best("amx");
  return limited ? *limited : *all;
}

}  // namespace

#define CK_OWN(name, parameters, arguments) \
  void ck_##name parameters { current().table->name arguments; }
#include "OwnKernels.h"
#undef CK_OWN

const char *ck_instruction_set(void) { return current().name; }
void ck_limit_instruction_set(const char *name) { limited = name ? best(name) : nullptr; }
