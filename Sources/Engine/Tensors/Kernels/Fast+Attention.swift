internal import CKernels

extension FastKernels {
  package func softmax(_ x: Floats, _ y: MutableFloats, rows: Int, width: Int) {
    ck_softmax(x, y, rows, width)
  }

  package func softmaxBackward(
    _ y: Floats, _ dy: Floats, _ dx: MutableFloats, rows: Int, width: Int
  ) {
    ck_softmax_backward(y, dy, dx, rows, width)
  }

  package func attention(
    _ q: Floats, _ k: Floats, _ v: Floats, _ o: MutableFloats, logSumExp: MutableFloats,
    _ g: AttentionGeometry, precision: ComputePrecision
  ) {
    ck_attention(q, k, v, o, logSumExp, g.shape(precision))
  }

  package func attentionBackward(
    _ q: Floats, _ k: Floats, _ v: Floats, _ o: Floats, logSumExp: Floats, _ do: Floats,
    dq: MutableFloats, dk: MutableFloats, dv: MutableFloats, _ g: AttentionGeometry,
    precision: ComputePrecision
  ) {
    ck_attention_backward(q, k, v, o, logSumExp, `do`, dq, dk, dv, g.shape(precision))
  }
}

extension AttentionGeometry {
  func shape(_ precision: ComputePrecision) -> ck_attention_shape {
    ck_attention_shape(
      B: B, N: N, T: T, heads: heads, d: d, scale: scale, causal: causal ? 1 : 0,
      bf16: precision.code)
  }
}
