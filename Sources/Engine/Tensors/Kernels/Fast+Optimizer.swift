internal import CKernels

extension FastKernels {
  package func adamW(
    _ p: MutableFloats, _ gradient: Floats, m: MutableFloats, v: MutableFloats, count: Int,
    _ s: AdamWStep
  ) {
    let step = ck_adamw_step(
      learning_rate: s.learningRate, beta1: s.beta1, beta2: s.beta2, epsilon: s.epsilon,
      weight_decay: s.weightDecay, correction1: s.correction1, correction2: s.correction2,
      gradient_scale: s.gradientScale)
    ck_adamw(p, gradient, m, v, count, step)
  }
}
