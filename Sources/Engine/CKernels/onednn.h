#pragma once

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dnnl.hpp>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include "CKernels.h"
#include "team.h"

namespace ck {

/// A primitive with what it needs to run on plain memory: weights go through reorders into the
/// blocked layout that the primitive chose.
struct Product {
  dnnl::primitive primitive, reorder;
  dnnl::memory::desc source, weight, plain_weight, bias, result, scratchpad;
};

dnnl::engine &engine();
dnnl::stream &stream();
dnnl::primitive_attr attributes(bool accumulate = false);

inline dnnl::memory at(const dnnl::memory::desc &d, const void *data) {
  return dnnl::memory(d, engine(), const_cast<void *>(data));
}

/// Primitives by shape. Entries are never removed, so a reference stays valid.
using Key = std::array<long, 20>;
template <class Make> const Product &cached(const Key &key, Make make) {
  static std::mutex mutex;
  static auto &products = *new std::map<Key, Product>;  // outlives every thread
  std::lock_guard<std::mutex> lock(mutex);
  auto found = products.find(key);
  if (found == products.end()) found = products.emplace(key, make()).first;
  return found->second;
}

/// Runs `body`; an exception names the call and its shape, and ends the process.
template <class F> void or_abort(const char *call, const Key &key, F body) {
  try {
    team_size();
    body();
  } catch (const std::exception &error) {
    fprintf(stderr, "%s failed: %s; shape", call, error.what());
    for (long value : key) fprintf(stderr, " %ld", value);
    fprintf(stderr, "\n");
    abort();
  }
}

/// The operand itself, or its conversion in `slot`; with `rounded`, f32 values that bf16 holds.
inline const float *
as_f32(const float *f32, const uint16_t *bf16, Slot slot, long count, bool rounded = false) {
  if (f32 && !rounded) return f32;
  float *copy = scratch(slot, count);
  if (f32) {
    uint16_t *bits = scratch<uint16_t>(scratch_f, count);
    ck_to_bf16(f32, bits, count);
    bf16 = bits;
  }
  ck_from_bf16(bf16, copy, count);
  return copy;
}
inline const uint16_t *as_bf16(const float *f32, const uint16_t *bf16, Slot slot, long count) {
  if (bf16) return bf16;
  uint16_t *copy = scratch<uint16_t>(slot, count);
  ck_to_bf16(f32, copy, count);
  return copy;
}

}  // namespace ck
