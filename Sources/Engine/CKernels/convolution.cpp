#include "onednn.h"

using dnnl::memory;

namespace ck {
namespace {

enum Direction { forward = 1, backward_input, backward_weight };

Key key_of(Direction direction, const ck_conv_shape &s, bool bias, int bf16) {
  return {direction, s.B,  s.H,   s.W,    s.c_in,   s.c_out, s.kh,    s.kw,
          s.stride,  s.top, s.left, s.bottom, s.right, s.out_h, s.out_w, bias, bf16};
}

/// A 1x1 convolution over channels-last positions is a matrix product.
bool is_product(const ck_conv_shape &s) {
  return s.kh == 1 && s.kw == 1 && s.stride == 1 && !s.top && !s.left && !s.bottom && !s.right;
}

struct Descriptors {
  memory::desc x, y, weight, plain_weight, bias;
  memory::dims strides, before, after;

  /// Activations are channels-last, weights in whatever layout the primitive likes. `result` is
  /// always f32, the other two are bf16 where products are.
  Descriptors(const ck_conv_shape &s, bool bf16, Direction direction)
      : strides{s.stride, s.stride}, before{s.top, s.left}, after{s.bottom, s.right} {
    auto f32 = memory::data_type::f32;
    auto operand = bf16 && bf16_products() ? memory::data_type::bf16 : f32;
    auto type = [=](Direction as_result) { return direction == as_result ? f32 : operand; };
    x = {{s.B, s.c_in, s.H, s.W}, type(backward_input), memory::format_tag::nhwc};
    y = {{s.B, s.c_out, s.out_h, s.out_w}, type(forward), memory::format_tag::nhwc};
    memory::dims shape = {s.c_out, s.c_in, s.kh, s.kw};
    weight = {shape, type(backward_weight), memory::format_tag::any};
    plain_weight = {shape, f32, memory::format_tag::oihw};
    bias = {{s.c_out}, f32, memory::format_tag::x};
  }
};

template <class Choice> Product finished(Choice choice, dnnl::primitive primitive) {
  Product p;
  p.primitive = primitive;
  p.scratchpad = choice.scratchpad_desc();
  return p;
}

dnnl::primitive reorder(const memory::desc &from, const memory::desc &to) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine(), from, engine(), to));
}

dnnl::convolution_forward::primitive_desc
forward_choice(const ck_conv_shape &s, const Descriptors &d, bool bias) {
  auto kind = dnnl::prop_kind::forward_training;
  auto algorithm = dnnl::algorithm::convolution_direct;
  using desc = dnnl::convolution_forward::desc;
  return {bias ? desc(kind, algorithm, d.x, d.weight, d.bias, d.y, d.strides, d.before, d.after)
               : desc(kind, algorithm, d.x, d.weight, d.y, d.strides, d.before, d.after),
          attributes(), engine()};
}

/// Backward primitives want a forward one of the same number formats as a hint.
dnnl::convolution_forward::primitive_desc
hint(const ck_conv_shape &s, bool bf16) {
  return forward_choice(s, Descriptors(s, bf16, forward), false);
}

/// The f32 weights in the primitive's layout.
void *arranged_weight(
    const Product &p, const float *w_f32, const uint16_t *w_bf16, bool bf16, long count) {
  const float *plain = as_f32(w_f32, w_bf16, scratch_c, count, bf16 && !bf16_products());
  void *arranged = scratch_bytes(scratch_d, p.weight.get_size());
  p.reorder.execute(
      stream(),
      {{DNNL_ARG_FROM, at(p.plain_weight, plain)}, {DNNL_ARG_TO, at(p.weight, arranged)}});
  return arranged;
}

const void *activations(const float *x, bool bf16, Slot slot, long count) {
  if (bf16 && bf16_products()) return as_bf16(x, nullptr, slot, count);
  return as_f32(x, nullptr, slot, count, bf16);
}

long x_count(const ck_conv_shape &s) { return s.B * s.H * s.W * s.c_in; }
long y_count(const ck_conv_shape &s) { return s.B * s.out_h * s.out_w * s.c_out; }
long weight_count(const ck_conv_shape &s) { return s.c_out * s.c_in * s.kh * s.kw; }

}  // namespace
}  // namespace ck

void ck_conv(
    const float *x, const float *w_f32, const uint16_t *w_bf16, const float *bias, float *y,
    ck_conv_shape s, int bf16) {
  using namespace ck;
  if (is_product(s))
    return ck_matmul(
        x, nullptr, w_f32, w_bf16, bias, y,
        {s.B * s.H * s.W, s.c_out, s.c_in, 1, false, true, false, bf16});
  Key key = key_of(forward, s, bias, bf16);
  or_abort("conv2d", key, [&] {
    const Product &p = cached(key, [&] {
      Descriptors d(s, bf16, forward);
      auto choice = forward_choice(s, d, bias);
      Product p = finished(choice, dnnl::convolution_forward(choice));
      p.source = d.x, p.result = d.y, p.bias = d.bias, p.plain_weight = d.plain_weight;
      p.weight = choice.weights_desc();
      p.reorder = reorder(p.plain_weight, p.weight);
      return p;
    });
    std::unordered_map<int, memory> arguments = {
        {DNNL_ARG_SRC, at(p.source, activations(x, bf16, scratch_a, x_count(s)))},
        {DNNL_ARG_WEIGHTS, at(p.weight, arranged_weight(p, w_f32, w_bf16, bf16, weight_count(s)))},
        {DNNL_ARG_DST, at(p.result, y)},
        {DNNL_ARG_SCRATCHPAD,
         at(p.scratchpad, scratch_bytes(scratch_f, p.scratchpad.get_size()))}};
    if (bias) arguments.emplace(DNNL_ARG_BIAS, at(p.bias, bias));
    p.primitive.execute(stream(), arguments);
  });
}

void ck_conv_backward_input(
    const float *dy, const float *w_f32, const uint16_t *w_bf16, float *dx, ck_conv_shape s,
    int bf16) {
  using namespace ck;
  if (is_product(s))
    return ck_matmul(
        dy, nullptr, w_f32, w_bf16, nullptr, dx,
        {s.B * s.H * s.W, s.c_in, s.c_out, 1, false, false, false, bf16});
  Key key = key_of(backward_input, s, false, bf16);
  or_abort("conv2dBackwardInput", key, [&] {
    const Product &p = cached(key, [&] {
      Descriptors d(s, bf16, backward_input);
      dnnl::convolution_backward_data::primitive_desc choice(
          {dnnl::algorithm::convolution_direct, d.x, d.weight, d.y, d.strides, d.before, d.after},
          attributes(), engine(), hint(s, bf16));
      Product p = finished(choice, dnnl::convolution_backward_data(choice));
      p.source = d.y, p.result = d.x, p.plain_weight = d.plain_weight;
      p.weight = choice.weights_desc();
      p.reorder = reorder(p.plain_weight, p.weight);
      return p;
    });
    p.primitive.execute(
        stream(),
        {{DNNL_ARG_DIFF_DST, at(p.source, activations(dy, bf16, scratch_a, y_count(s)))},
         {DNNL_ARG_WEIGHTS, at(p.weight, arranged_weight(p, w_f32, w_bf16, bf16, weight_count(s)))},
         {DNNL_ARG_DIFF_SRC, at(p.result, dx)},
         {DNNL_ARG_SCRATCHPAD,
          at(p.scratchpad, scratch_bytes(scratch_f, p.scratchpad.get_size()))}});
  });
}

void ck_conv_backward_weight(
    const float *x, const float *dy, float *d_weight, ck_conv_shape s, int bf16) {
  using namespace ck;
  if (is_product(s))
    return ck_matmul(
        dy, nullptr, x, nullptr, nullptr, d_weight,
        {s.c_out, s.c_in, s.B * s.H * s.W, 1, true, false, true, bf16});
  Key key = key_of(backward_weight, s, false, bf16);
  or_abort("conv2dBackwardWeight", key, [&] {
    const Product &p = cached(key, [&] {
      Descriptors d(s, bf16, backward_weight);
      dnnl::convolution_backward_weights::primitive_desc choice(
          {dnnl::algorithm::convolution_direct, d.x, d.weight, d.y, d.strides, d.before, d.after},
          attributes(), engine(), hint(s, bf16));
      Product p = finished(choice, dnnl::convolution_backward_weights(choice));
      p.source = d.x, p.result = d.y, p.plain_weight = d.plain_weight;
      p.weight = choice.diff_weights_desc();
      p.reorder = reorder(p.weight, p.plain_weight);
      return p;
    });
    long count = weight_count(s);
    float *plain = scratch(scratch_c, count);
    void *arranged = scratch_bytes(scratch_d, p.weight.get_size());
    p.primitive.execute(
        stream(), {{DNNL_ARG_SRC, at(p.source, activations(x, bf16, scratch_a, x_count(s)))},
                   {DNNL_ARG_DIFF_DST, at(p.result, activations(dy, bf16, scratch_b, y_count(s)))},
                   {DNNL_ARG_DIFF_WEIGHTS, at(p.weight, arranged)},
                   {DNNL_ARG_SCRATCHPAD,
                    at(p.scratchpad, scratch_bytes(scratch_f, p.scratchpad.get_size()))}});
    p.reorder.execute(
        stream(),
        {{DNNL_ARG_FROM, at(p.weight, arranged)}, {DNNL_ARG_TO, at(p.plain_weight, plain)}});
    ck_accumulate(plain, 1, d_weight, count);
  });
}
