internal import CKernels

extension FastKernels {
  package func adamW(
    _ p: MutableFloats, _ gradient: Floats, m: MutableFloats, v: MutableFloats, count: Int,
    _ s: AdamWStep
  ) {
    ck_adamw(p, gradient, m, v, count, ck_adamw_step(s))
  }

  package func adamW(
    _ p: MutableFloats, _ gradient: Floats, codes m: MutableBytes, _ v: MutableBytes,
    scales: MutableFloats, count: Int, _ s: AdamWStep, rounding: Draw
  ) {
    ck_adamw_compact(
      p, gradient, m, v, scales, count, ck_adamw_step(s),
      ck_draw(key: rounding.key, stream: rounding.stream))
  }
}

extension ck_adamw_step {
  fileprivate init(_ s: AdamWStep) {
    self.init(
      learning_rate: s.learningRate, beta1: s.beta1, beta2: s.beta2, epsilon: s.epsilon,
      weight_decay: s.weightDecay, correction1: s.correction1, correction2: s.correction2,
      gradient_scale: s.gradientScale)
  }
}
