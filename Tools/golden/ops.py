"""Every op of the Tensors target, forward and backward, at odd shapes."""

import torch
import torch.nn.functional as F

from fixture import Fixture, nchw

BINARY = {"add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.div}
UNARY = {
  "silu": F.silu, "gelu": F.gelu, "quickGelu": lambda x: x * torch.sigmoid(1.702 * x), "sigmoid": torch.sigmoid,
  "tanh": torch.tanh, "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "square": torch.square,
  "abs": torch.abs, "relu": F.relu, "negate": torch.neg,
}


def make(seed, config):
  s = config["spread"]  # makes the odd shapes of another configuration other odd shapes
  return [
    elementwise(seed, s), products(seed, s), convolution(seed, s), attention(seed, s), normalization(seed, s),
    gather_reduce_reshape(seed, s),
  ]


class Ops(Fixture):

  def op(self, name, op, function, inputs, **meta):
    """`function` sees and gives tensors in the file's own layout."""
    for x in inputs.values():
      x.requires_grad_(True)
    y = function(**inputs)
    outputs = {"y": y} if torch.is_tensor(y) else {f"y{i}": v for i, v in enumerate(y)}
    self.case(name, outputs, inputs, op=op, **meta)


def elementwise(seed, s):
  f = Ops("ops_elementwise", seed)
  for name, function in UNARY.items():
    positive = name in ("log", "sqrt")
    x = f.normal(3, 4 + s, 5)
    x = (x.abs() + 0.1).float().double() if positive else x
    f.op(f"{name}", name, lambda x: function(x), {"x": x})
  f.op("clamp", "clamp", lambda x: x.clamp(-0.7, 0.9), {"x": f.normal(5, 7 + s)}, min=-0.7, max=0.9)
  shapes = {
    "same": ((2, 3, 5, 4 + s), (2, 3, 5, 4 + s)),
    "per_channel": ((2, 3, 5, 4 + s), (2, 1, 1, 4 + s)),
    "per_sample": ((3, 7, 5 + s), (3, 1, 1)),
    "per_row": ((2, 7, 5 + s), (2, 7, 1)),
  }
  for name, function in BINARY.items():
    for kind, (left, right) in shapes.items():
      b = f.normal(*right)
      # A divisor near zero would measure its own conditioning.
      b = (b.sign() * (b.abs() + 0.5)).float().double() if name == "divide" else b
      f.op(f"{name}_{kind}", name, lambda a, b: function(a, b), {"a": f.normal(*left), "b": b})
    x = f.normal(3, 5 + s)
    x = (x.sign() * (x.abs() + 0.5)).float().double()
    f.op(f"{name}_scalar", f"{name}Scalar", lambda x: function(x, 1.75), {"x": x}, scalar=1.75)
    y = (x.detach() * 0.5).float().double()
    if name != "divide":
      f.op(f"scalar_{name}", f"scalar{name.capitalize()}", lambda x: function(torch.tensor(1.75), x), {"x": y},
           scalar=1.75)
  return f


def products(seed, s):
  f = Ops("ops_products", seed)
  for name, shape, out, bias in [
    ("rank2", (3, 5 + s), 7, True), ("rank3", (2, 9, 6 + s), 11, True), ("rank4", (2, 3, 5, 8), 4 + s, True),
    ("no_bias", (2, 17, 33), 20 + s, False), ("single_row", (1, 16), 64, True), ("single_out", (5, 3 + s), 1, True),
  ]:
    inputs = {"x": f.normal(*shape), "weight": f.normal(out, shape[-1])}
    if bias:
      inputs["bias"] = f.normal(out)
    f.op(f"linear_{name}", "linear", lambda x, weight, bias=None: F.linear(x, weight, bias), inputs)
  for batch in [None, 3]:
    for ta in [False, True]:
      for tb in [False, True]:
        m, k, n = 5, 7 + s, 9
        a, b = (k, m) if ta else (m, k), (n, k) if tb else (k, n)
        lead = [] if batch is None else [batch]
        name = f"matmul_{'batched' if batch else 'plain'}_{'t' if ta else 'n'}{'t' if tb else 'n'}"
        f.op(name, "matmul",
             lambda a, b: (a.mT if ta else a) @ (b.mT if tb else b),
             {"a": f.normal(*lead, *a), "b": f.normal(*lead, *b)}, transposeA=ta, transposeB=tb)
  return f


def convolution(seed, s):
  f = Ops("ops_convolution", seed)
  # name, (B, H, W, Cin), Cout, kernel, stride, (top, left, bottom, right), bias
  for name, shape, out, kernel, stride, pad, bias in [
    ("same3", (2, 5, 7, 3 + s), 4, 3, 1, (1, 1, 1, 1), True),
    ("wide3", (1, 6, 6, 16), 17 + s, 3, 1, (1, 1, 1, 1), True),
    ("one_to_many", (2, 4, 5, 1), 3 + s, 3, 1, (1, 1, 1, 1), True),
    ("valid3", (2, 5, 6, 3), 2 + s, 3, 1, (0, 0, 0, 0), False),
    ("pointwise", (2, 3, 5, 6 + s), 5, 1, 1, (0, 0, 0, 0), True),
    ("down_even", (2, 8, 6, 4 + s), 4, 3, 2, (1, 1, 1, 1), True),
    ("down_odd", (1, 7, 9, 5), 3 + s, 3, 2, (1, 1, 1, 1), True),
    ("vae_down_even", (2, 6, 8, 4 + s), 4, 3, 2, (0, 0, 1, 1), True),
    ("vae_down_odd", (1, 7, 5, 4), 6 + s, 3, 2, (0, 0, 1, 1), True),
    ("patches", (2, 8, 12, 3), 5 + s, 4, 4, (0, 0, 0, 0), False),
    ("patches_remainder", (1, 9, 11, 3), 4 + s, 4, 4, (0, 0, 0, 0), False),
    ("five", (1, 6, 5, 2), 3 + s, 5, 1, (2, 2, 2, 2), True),
    ("one_pixel", (3, 1, 1, 4), 4 + s, 3, 1, (1, 1, 1, 1), True),
  ]:
    top, left, bottom, right = pad

    def conv(x, weight, bias=None):
      padded = F.pad(nchw(x), (left, right, top, bottom))
      return F.conv2d(padded, weight, bias, stride=stride).permute(0, 2, 3, 1)

    inputs = {"x": f.normal(*shape), "weight": f.normal(out, shape[-1], kernel, kernel, scale=0.3)}
    if bias:
      inputs["bias"] = f.normal(out)
    f.op(f"conv2d_{name}", "conv2d", conv, inputs, stride=stride, padding=list(pad))
  for name, shape in [("square", (2, 3, 3, 4)), ("odd", (1, 5, 3, 2 + s)), ("one", (2, 1, 1, 3))]:
    f.op(f"upsample_{name}", "upsampleNearest2x",
         lambda x: F.interpolate(nchw(x), scale_factor=2.0, mode="nearest").permute(0, 2, 3, 1),
         {"x": f.normal(*shape)})
  return f


def attention(seed, s):
  f = Ops("ops_attention", seed)
  # B, N, T, heads, d, causal
  for name, b, n, t, h, d, causal in [
    ("self", 2, 9, 9, 2, 4 + s, False), ("cross", 2, 12, 7 + s, 3, 5, False), ("one_head", 1, 6, 6, 1, 8, False),
    ("one_key", 2, 5, 1, 2, 3, False), ("causal", 2, 7 + s, 7 + s, 2, 4, True), ("clip_like", 1, 77, 77, 2, 8, True),
    ("many_heads", 1, 10, 10, 8, 5, False), ("wide_head", 1, 17 + s, 33, 1, 80, False),
    ("long", 1, 150 + s, 150 + s, 2, 8, False),
  ]:
    def attend(q, k, v):
      split = lambda x: x.unflatten(-1, (h, d)).transpose(1, 2)
      y = F.scaled_dot_product_attention(split(q), split(k), split(v), is_causal=causal)
      return y.transpose(1, 2).flatten(2)

    f.op(f"attention_{name}", "attention", attend,
         {"q": f.normal(b, n, h * d), "k": f.normal(b, t, h * d), "v": f.normal(b, t, h * d)}, heads=h, causal=causal)
  # Large scores: a softmax without subtraction of the maximum overflows here.
  f.op("attention_large_scores", "attention",
       lambda q, k, v: F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0],
       {"q": f.normal(1, 5, 4, scale=12.0), "k": f.normal(1, 6, 4, scale=12.0), "v": f.normal(1, 6, 4)}, heads=1,
       causal=False)
  for name, shape, scale in [("rows", (7, 11 + s), 1.0), ("rank3", (2, 3, 5 + s), 1.0), ("large", (3, 6), 60.0),
                             ("one_column", (4, 1), 1.0)]:
    f.op(f"softmax_{name}", "softmax", lambda x: x.softmax(-1), {"x": f.normal(*shape, scale=scale)})
  return f


def normalization(seed, s):
  f = Ops("ops_normalization", seed)
  for name, shape, groups, eps in [
    ("four_groups", (2, 3, 5, 8), 4, 1e-5), ("group_of_one", (2, 5, 3, 4), 4, 1e-6),
    ("one_group", (3, 4, 4, 5 + s), 1, 1e-6), ("thirty_two", (1, 3, 3, 64), 32, 1e-5),
    ("sequence", (2, 7 + s, 12), 3, 1e-6), ("small_variance", (2, 4, 3, 6), 2, 1e-5),
  ]:
    scale = 2e-3 if name == "small_variance" else 1.0  # where eps decides the result
    f.op(f"groupNorm_{name}", "groupNorm",
         lambda x, weight, bias: F.group_norm(x.movedim(-1, 1), groups, weight, bias, eps).movedim(1, -1),
         {"x": f.normal(*shape, scale=scale, shift=0.5), "weight": f.normal(shape[-1], shift=1.0),
          "bias": f.normal(shape[-1])}, groups=groups, eps=eps)
  for name, shape, eps in [("rank2", (5, 7 + s), 1e-5), ("rank3", (2, 9, 12), 1e-5), ("wide", (3, 130 + s), 1e-5),
                           ("coarse_eps", (4, 6), 1e-2)]:
    f.op(f"layerNorm_{name}", "layerNorm",
         lambda x, weight, bias: F.layer_norm(x, x.shape[-1:], weight, bias, eps),
         {"x": f.normal(*shape, shift=0.5), "weight": f.normal(shape[-1], shift=1.0), "bias": f.normal(shape[-1])},
         eps=eps)
  for name, shape in [("rank2", (4, 5 + s)), ("rank3", (2, 3, 7))]:
    f.op(f"l2Normalize_{name}", "l2Normalize", lambda x: x / x.norm(dim=-1, keepdim=True), {"x": f.normal(*shape)})
  return f


def gather_reduce_reshape(seed, s):
  f = Ops("ops_shapes", seed)
  ids = f.integers(12, 6 + s) + [0, 0, 5]  # repeated rows: their gradients add up
  f.op("embedding", "embedding", lambda table: F.embedding(torch.tensor(ids).view(3, 5), table),
       {"table": f.normal(7 + s, 4)}, ids=ids, leading=[3, 5])
  at = [4, 0, 2]
  f.op("selectRows", "selectRows", lambda x: x[torch.arange(3), torch.tensor(at)], {"x": f.normal(3, 5, 4 + s)}, at=at)
  f.op("sum", "sum", lambda x: x.sum().view(1), {"x": f.normal(3, 5, 2 + s)})
  f.op("mean", "mean", lambda x: x.mean().view(1), {"x": f.normal(3, 5, 2 + s)})
  for axis in range(3):
    f.op(f"sum_axis{axis}", "sumAxis", lambda x: x.sum(axis), {"x": f.normal(3, 4, 2 + s)}, axis=axis)
    f.op(f"mean_axis{axis}", "meanAxis", lambda x: x.mean(axis), {"x": f.normal(3, 4, 2 + s)}, axis=axis)
  shape = (3, 2, 5, 1 + s)
  f.op("meanSquaredError", "meanSquaredError", lambda a, b: F.mse_loss(a, b).view(1),
       {"a": f.normal(*shape), "b": f.normal(*shape)})
  f.op("meanSquaredErrorPerSample", "meanSquaredErrorPerSample",
       lambda a, b: F.mse_loss(a, b, reduction="none").mean((1, 2, 3)),
       {"a": f.normal(*shape), "b": f.normal(*shape)})
  targets = f.integers(5, 4 + s)
  f.op("crossEntropy", "crossEntropy", lambda x: F.cross_entropy(x, torch.tensor(targets)).view(1),
       {"x": f.normal(5, 4 + s, scale=3.0)}, targets=targets)
  f.op("reshaped", "reshaped", lambda x: x.reshape(2, 12, 3 + s), {"x": f.normal(2, 3, 4, 3 + s)},
       shape=[2, 12, 3 + s])
  for axes in [[1, 0, 2, 3], [0, 3, 1, 2], [0, 2, 1, 3], [3, 2, 1, 0]]:
    f.op("transposed_" + "".join(map(str, axes)), "transposed", lambda x: x.permute(axes),
         {"x": f.normal(2, 3, 4, 3 + s)}, axes=axes)
  for axis in [0, 1, 2]:
    sizes = [[2, 3, 4], [2, 3, 4], [2, 3, 4]]
    sizes[1][axis] += s
    f.op(f"concatenated_axis{axis}", "concatenated", lambda a, b, c: torch.cat([a, b, c], axis),
         {k: f.normal(*size) for k, size in zip("abc", sizes)}, axis=axis)
    f.op(f"slice_axis{axis}", "slice", lambda x: x.narrow(axis, 1, 2), {"x": f.normal(3, 4, 5)}, axis=axis, start=1,
         end=3)
  f.op("split_axis2", "split", lambda x: x.chunk(2, 2), {"x": f.normal(2, 3, 4 + 2 * s)}, axis=2, parts=2)
  f.op("split_axis0", "split", lambda x: x.chunk(3, 0), {"x": f.normal(6, 2, 1 + s)}, axis=0, parts=3)
  f.op("perChannel", "perChannel", lambda x: x[:, None, None, :], {"x": f.normal(3, 4 + s)})
  # One leaf used twice: gradients add up along both paths.
  f.op("reused", "reused", lambda x: x * x + x, {"x": f.normal(3, 4 + s)})
  return f
