extension ReferenceKernels {
  package func adamW(
    _ p: MutableFloats, _ gradient: Floats, m: MutableFloats, v: MutableFloats, count: Int,
    _ s: AdamWStep
  ) {
    let (b1, b2) = (Double(s.beta1), Double(s.beta2))
    for i in 0..<count {
      let g = Double(s.gradientScale) * Double(gradient[i])
      let m1 = b1 * Double(m[i]) + (1 - b1) * g
      let v1 = b2 * Double(v[i]) + (1 - b2) * g * g
      let kept = Double(p[i]) * (1 - Double(s.learningRate) * Double(s.weightDecay))
      let denominator = v1.squareRoot() / Double(s.correction2).squareRoot() + Double(s.epsilon)
      p[i] = Float(kept - Double(s.learningRate) / Double(s.correction1) * m1 / denominator)
      (m[i], v[i]) = (Float(m1), Float(v1))
    }
  }
}
