#include "own_table.h"

// Which instruction set the kernels run on: the best that the processor and its system offer, or
// what a test asked for.
namespace {

struct Choice {
  const char *name;
  bool available;
  const ck::OwnKernels *table;
};

const Choice *choices() {
#if defined(__x86_64__)
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                           __builtin_cpu_supports("bmi2");
  static const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                             __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512dq");
  static const bool bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  static const Choice all[] = {
      {"avx512_bf16", bf16, &ck::avx512_bf16::table},
      {"avx512", avx512, &ck::avx512::table},
      {"avx2", avx2, &ck::avx2::table},
      {"base", true, &ck::base::table}};
#else
  static const Choice all[] = {{"base", true, &ck::base::table}};
#endif
  return all;
}

const Choice *best(const char *limit) {
  const Choice *choice = choices();
  if (limit)
    for (const Choice *c = choice;; c++) {
      if (!strcmp(c->name, limit)) {
        choice = c;
        break;
      }
      if (c->table == &ck::base::table) break;
    }
  while (!choice->available) choice++;
  return choice;
}

// A test's limit holds for its thread: others that run beside it keep their bits.
thread_local const Choice *limited = nullptr;

const Choice &current() {
  static const Choice *all = best(nullptr);
  return limited ? *limited : *all;
}

}  // namespace

#define CK_OWN(name, parameters, arguments) \
  void ck_##name parameters { current().table->name arguments; }
#include "OwnKernels.h"
#undef CK_OWN

const char *ck_instruction_set(void) { return current().name; }
void ck_limit_instruction_set(const char *name) { limited = name ? best(name) : nullptr; }
