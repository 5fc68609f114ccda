internal import CKernels

extension FastKernels {
  package func matmul(
    _ a: Operand, transposeA: Bool, _ b: Operand, transposeB: Bool, bias: Floats?,
    _ c: MutableFloats, m: Int, n: Int, k: Int, batch: Int, accumulate: Bool,
    precision: ComputePrecision
  ) {
    let shape = ck_matmul_shape(
      m: m, n: n, k: k, batch: batch, transpose_a: transposeA ? 1 : 0,
      transpose_b: transposeB ? 1 : 0, accumulate: accumulate ? 1 : 0, bf16: precision.code)
    ck_matmul(a.f32, a.bf16, b.f32, b.bf16, bias, c, shape)
  }

  package func conv2d(
    _ x: Floats, _ weight: Operand, bias: Floats?, _ y: MutableFloats, _ g: ConvGeometry,
    precision: ComputePrecision
  ) {
    ck_conv(x, weight.f32, weight.bf16, bias, y, g.shape, precision.code)
  }

  package func conv2dBackwardInput(
    _ dy: Floats, _ weight: Operand, _ dx: MutableFloats, _ g: ConvGeometry,
    precision: ComputePrecision
  ) {
    ck_conv_backward_input(dy, weight.f32, weight.bf16, dx, g.shape, precision.code)
  }

  package func conv2dBackwardWeight(
    _ x: Floats, _ dy: Floats, _ dWeight: MutableFloats?, _ dBias: MutableFloats?,
    _ g: ConvGeometry, accumulate: Bool, precision: ComputePrecision
  ) {
    if let dWeight {
      ck_conv_backward_weight(x, dy, dWeight, g.shape, accumulate ? 1 : 0, precision.code)
    }
    if let dBias { ck_sum_middle(dy, dBias, 1, g.B * g.outH * g.outW, g.cOut, 1) }
  }
}

extension ComputePrecision {
  var code: Int32 { self == .bf16 ? 1 : 0 }
}

extension ConvGeometry {
  var shape: ck_conv_shape {
    ck_conv_shape(
      B: B, H: H, W: W, c_in: cIn, c_out: cOut, kh: kh, kw: kw, stride: stride, top: top,
      left: left, bottom: bottom, right: right, out_h: outH, out_w: outW)
  }
}
