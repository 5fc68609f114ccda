import CKernels

/// The shapes of a small UNet (batch 128, 16x16 and below), of a small VAE (batch 32, 64x64), and a
/// few of Stable Diffusion.
func convolutions() -> [Measurement] {
  let shapes: [(B: Int, H: Int, cIn: Int, cOut: Int, stride: Int)] = [
    (128, 16, 4, 48, 1), (128, 16, 48, 48, 1), (128, 16, 96, 48, 1), (128, 16, 48, 48, 2),
    (128, 8, 96, 96, 1), (128, 4, 192, 192, 1), (128, 16, 48, 4, 1), (32, 64, 3, 24, 1),
    (32, 64, 24, 24, 1), (32, 32, 64, 64, 1), (2, 64, 320, 320, 1),
  ]
  return shapes.flatMap { g in
    let out = (g.H - 1) / g.stride + 1
    let shape = ck_conv_shape(
      B: g.B, H: g.H, W: g.H, c_in: g.cIn, c_out: g.cOut, kh: 3, kw: 3, stride: g.stride, top: 1,
      left: 1, bottom: 1, right: 1, out_h: out, out_w: out)
    let (x, w) = (noise(g.B * g.H * g.H * g.cIn), noise(g.cOut * g.cIn * 9))
    var y = noise(g.B * out * out * g.cOut)
    var (dx, dw) = (x, w)
    let flops = 18.0 * Double(y.count * g.cIn)
    let name = "\(g.B)x\(g.H)x\(g.H) \(g.cIn) to \(g.cOut), stride \(g.stride)"
    return [(Int32(0), "f32"), (1, "bf16")].flatMap { (bf16, format) in
      [
        Measurement("conv", "\(name) \(format)", flops: flops) {
          ck_conv(x, w, nil, nil, &y, shape, bf16)
        },
        Measurement("conv backward input", "\(name) \(format)", flops: flops) {
          ck_conv_backward_input(y, w, nil, &dx, shape, bf16)
        },
        Measurement("conv backward weight", "\(name) \(format)", flops: flops) {
          ck_conv_backward_weight(x, y, &dw, shape, bf16)
        },
      ]
    }
  }
}

func products() -> [Measurement] {
  let shapes: [(m: Int, n: Int, k: Int, transposeA: Int32, transposeB: Int32)] = [
    (32768, 96, 96, 0, 1), (32768, 96, 96, 0, 0), (96, 96, 32768, 1, 0), (8192, 768, 192, 0, 1),
    (64, 512, 128, 0, 1), (4096, 1280, 1280, 0, 1),
  ]
  return shapes.flatMap { s in
    let (a, b) = (noise(s.m * s.k), noise(s.n * s.k))
    var c = noise(s.m * s.n)
    return [(Int32(0), "f32"), (1, "bf16")].map { (bf16, format) in
      let shape = ck_matmul_shape(
        m: s.m, n: s.n, k: s.k, batch: 1, transpose_a: s.transposeA, transpose_b: s.transposeB,
        accumulate: 0, bf16: bf16)
      return Measurement(
        "matmul", "\(s.m)x\(s.n)x\(s.k) \(format)", flops: 2 * Double(s.m * s.n * s.k)
      ) { ck_matmul(a, nil, b, nil, nil, &c, shape) }
    }
  }
}

func attentions() -> [Measurement] {
  let shapes: [(B: Int, N: Int, T: Int, heads: Int, d: Int)] = [
    (128, 256, 256, 4, 16), (128, 64, 64, 4, 32), (128, 64, 77, 4, 32), (64, 16, 16, 8, 64),
    (2, 4096, 4096, 8, 40), (1, 1024, 1024, 1, 512),
  ]
  return shapes.flatMap { s in
    let shape = ck_attention_shape(
      B: s.B, N: s.N, T: s.T, heads: s.heads, d: s.d, scale: 0.2, causal: 0)
    let (q, k) = (noise(s.B * s.N * s.heads * s.d), noise(s.B * s.T * s.heads * s.d))
    var (o, lse, dq, dk, dv) = (q, noise(s.B * s.heads * s.N), q, k, k)
    let flops = 4 * Double(s.B * s.heads * s.N * s.T * s.d)
    let name = "\(s.B)x\(s.heads), \(s.N) to \(s.T), width \(s.d)"
    return [
      Measurement("attention", name, flops: flops) { ck_attention(q, k, k, &o, &lse, shape) },
      Measurement("attention backward", name, flops: 2.5 * flops) {
        ck_attention_backward(q, k, k, o, lse, q, &dq, &dk, &dv, shape)
      },
    ]
  }
}

func loops() -> [Measurement] {
  let (B, P, C, groups) = (128, 256, 96, 32)
  let (n, name) = (B * P * C, "\(B)x\(P)x\(C)")
  let bytes = 4 * Double(n)
  let (x, weight) = (noise(n), noise(C))
  var (y, dx, m, v) = (x, x, x, [Float](repeating: 0.1, count: n))
  var (mean, rstd) = (noise(B * P), noise(B * P))
  var (dWeight, dBias) = (weight, weight)
  let shape = ck_group_norm_shape(B: B, P: P, C: C, groups: groups, eps: 1e-5)
  let step = ck_adamw_step(
    learning_rate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.01,
    correction1: 0.1, correction2: 0.001, gradient_scale: 1)
  let silu = Int32(CK_SILU.rawValue)
  let gelu = Int32(CK_GELU.rawValue)
  let add = Int32(CK_ADD.rawValue)
  return [
    Measurement("silu", name, bytes: 2 * bytes) { ck_unary(silu, x, &y, n) },
    Measurement("silu backward", name, bytes: 3 * bytes) { ck_unary_backward(silu, x, y, &dx, n) },
    Measurement("gelu", name, bytes: 2 * bytes) { ck_unary(gelu, x, &y, n) },
    Measurement("add", name, bytes: 3 * bytes) { ck_binary(add, x, m, &y, n) },
    Measurement("sum of positions", name, bytes: bytes) {
      ck_sum_middle(x, &dBias, 1, B * P, C, 0)
    },
    Measurement("group norm", name, bytes: 2 * bytes) {
      ck_group_norm(x, weight, weight, &y, &mean, &rstd, shape)
    },
    Measurement("group norm backward", name, bytes: 3 * bytes) {
      ck_group_norm_backward(x, weight, mean, rstd, y, &dx, &dWeight, &dBias, shape)
    },
    Measurement("layer norm", name, bytes: 2 * bytes) {
      ck_layer_norm(x, weight, weight, &y, &mean, &rstd, B * P, C, 1e-5)
    },
    Measurement("layer norm backward", name, bytes: 3 * bytes) {
      ck_layer_norm_backward(x, weight, mean, rstd, y, &dx, &dWeight, &dBias, B * P, C)
    },
    Measurement("softmax", name, bytes: 2 * bytes) { ck_softmax(x, &y, B * C, P) },
    Measurement("adamw", name, bytes: 7 * bytes) { ck_adamw(&dx, x, &m, &v, n, step) },
  ]
}
