#include "onednn.h"

using dnnl::memory;

namespace ck {

dnnl::engine &engine() {
  static auto &cpu = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return cpu;
}
dnnl::stream &stream() {
  static thread_local dnnl::stream own(engine());
  return own;
}
dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (accumulate) {
    dnnl::post_ops sum;
    sum.append_sum(1);
    attributes.set_post_ops(sum);
  }
  return attributes;
}

namespace {

void add_bias(float *c, const float *bias, long rows, long width, bool keep) {
  if (keep) return ck_broadcast(CK_ADD, c, bias, c, 1, rows, width);
  parallel(rows, double(rows) * width, [=](long begin, long end) {
    for (long r = begin; r < end; r++)
      for (long i = 0; i < width; i++) c[r * width + i] = bias[i];
  });
}

void matmul_f32(const float *a, const float *b, float *c, const ck_matmul_shape &s, bool add) {
  auto one = [=](long i) {
    dnnl_status_t status = dnnl_sgemm(
        s.transpose_a ? 'T' : 'N', s.transpose_b ? 'T' : 'N', s.m, s.n, s.k, 1,
        a + i * s.m * s.k, s.transpose_a ? s.m : s.k, b + i * s.k * s.n,
        s.transpose_b ? s.k : s.n, add ? 1 : 0, c + i * s.m * s.n, s.n);
    if (status != dnnl_success) throw dnnl::error(status, "dnnl_sgemm");
  };
  // Large products occupy the team by themselves.
  if (s.batch == 1 || double(s.m) * s.n * s.k > 4e6) {
    for (long i = 0; i < s.batch; i++) one(i);
    return;
  }
  // Inside the team each product runs on one thread; nothing may be thrown out of it.
  parallel(s.batch, 2.0 * s.batch * s.m * s.n * s.k, [=](long begin, long end) {
    for (long i = begin; i < end; i++) {
      try {
        one(i);
      } catch (const std::exception &error) {
        fprintf(stderr, "matmul failed: %s\n", error.what());
        abort();
      }
    }
  });
}

void matmul_bf16(
    const Key &key, const uint16_t *a, const uint16_t *b, float *c, const ck_matmul_shape &s,
    bool add) {
  const Product &product = cached(key, [&] {
    auto type = memory::data_type::bf16;
    memory::dims strides_a = {s.m * s.k, s.k, 1}, strides_b = {s.k * s.n, s.n, 1};
    if (s.transpose_a) strides_a = {s.m * s.k, 1, s.m};
    if (s.transpose_b) strides_b = {s.k * s.n, 1, s.k};
    Product p;
    p.source = memory::desc({s.batch, s.m, s.k}, type, strides_a);
    p.weight = memory::desc({s.batch, s.k, s.n}, type, strides_b);
    p.result = memory::desc(
        {s.batch, s.m, s.n}, memory::data_type::f32, memory::dims{s.m * s.n, s.n, 1});
    dnnl::matmul::primitive_desc choice(
        dnnl::matmul::desc(p.source, p.weight, p.result), attributes(add), engine());
    p.scratchpad = choice.scratchpad_desc();
    p.primitive = dnnl::matmul(choice);
    return p;
  });
  void *pad = scratch_bytes(scratch_f, product.scratchpad.get_size());
  product.primitive.execute(
      stream(), {{DNNL_ARG_SRC, at(product.source, a)},
                 {DNNL_ARG_WEIGHTS, at(product.weight, b)},
                 {DNNL_ARG_DST, at(product.result, c)},
                 {DNNL_ARG_SCRATCHPAD, at(product.scratchpad, pad)}});
}

}  // namespace
}  // namespace ck

void ck_matmul(
    const float *a_f32, const uint16_t *a_bf16, const float *b_f32, const uint16_t *b_bf16,
    const float *bias, float *c, ck_matmul_shape s) {
  using namespace ck;
  if (s.m * s.n * s.batch == 0) return;
  bool add = s.accumulate || bias;
  Key key = {0, s.m, s.n, s.k, s.batch, s.transpose_a, s.transpose_b, add, s.bf16};
  or_abort("matmul", key, [&] {
    if (bias) add_bias(c, bias, s.m * s.batch, s.n, s.accumulate);
    if (s.k == 0) {
      if (!add) memset(c, 0, sizeof(float) * s.m * s.n * s.batch);
      return;
    }
    long a_count = s.batch * s.m * s.k, b_count = s.batch * s.k * s.n;
    if (s.bf16 && bf16_products()) {
      matmul_bf16(
          key, as_bf16(a_f32, a_bf16, scratch_a, a_count),
          as_bf16(b_f32, b_bf16, scratch_b, b_count), c, s, add);
    } else {
      matmul_f32(
          as_f32(a_f32, a_bf16, scratch_a, a_count, s.bf16),
          as_f32(b_f32, b_bf16, scratch_b, b_count, s.bf16), c, s, add);
    }
  });
}

const char *ck_onednn_version(void) {
  static const std::string version = [] {
    const dnnl_version_t *v = dnnl_version();
    return std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
           std::to_string(v->patch);
  }();
  return version.c_str();
}
