extension ReferenceKernels {
  package func groupNorm(
    _ x: Floats, weight: Floats, bias: Floats, _ y: MutableFloats, mean: MutableFloats,
    rstd: MutableFloats, _ g: GroupNormGeometry
  ) {
    for (index, members) in g.members().enumerated() {
      let (m, r) = statistics(x, members, eps: g.eps)
      (mean[index], rstd[index]) = (Float(m), Float(r))
      for i in members {
        let xhat = (Double(x[i]) - m) * r
        let value = xhat * Double(weight[i % g.C]) + Double(bias[i % g.C])
        y[i] = Float(g.silu ? UnaryFunction.silu.value(value) : value)
      }
    }
  }

  package func groupNormBackward(
    _ x: Floats, weight: Floats, bias: Floats, mean: Floats, rstd: Floats, _ dy: Floats,
    _ dx: MutableFloats?, dWeight: MutableFloats?, dBias: MutableFloats?, _ g: GroupNormGeometry
  ) {
    backward(
      x, weight, mean, rstd, dy, dx, dWeight, dBias, width: g.C, groups: g.members(),
      then: { i, xhat in
        let value = xhat * Double(weight[i % g.C]) + Double(bias[i % g.C])
        return g.silu ? UnaryFunction.silu.derivative(value) : 1
      })
  }

  package func layerNorm(
    _ x: Floats, weight: Floats, bias: Floats, _ y: MutableFloats, mean: MutableFloats,
    rstd: MutableFloats, rows: Int, width: Int, eps: Float
  ) {
    for r in 0..<rows {
      let members = Array(r * width..<(r + 1) * width)
      let (m, s) = statistics(x, members, eps: eps)
      (mean[r], rstd[r]) = (Float(m), Float(s))
      for i in members {
        let xhat = (Double(x[i]) - m) * s
        y[i] = Float(xhat * Double(weight[i % width]) + Double(bias[i % width]))
      }
    }
  }

  package func layerNormBackward(
    _ x: Floats, weight: Floats, mean: Floats, rstd: Floats, _ dy: Floats, _ dx: MutableFloats?,
    dWeight: MutableFloats?, dBias: MutableFloats?, rows: Int, width: Int
  ) {
    let groups = (0..<rows).map { Array($0 * width..<($0 + 1) * width) }
    backward(x, weight, mean, rstd, dy, dx, dWeight, dBias, width: width, groups: groups)
  }

  /// Mean and 1 / sqrt(variance + eps) of the members.
  private func statistics(_ x: Floats, _ members: [Int], eps: Float) -> (Double, Double) {
    let n = Double(members.count)
    let mean = members.reduce(0.0) { $0 + Double(x[$1]) } / n
    let variance = members.reduce(0.0) { $0 + (Double(x[$1]) - mean) * (Double(x[$1]) - mean) } / n
    return (mean, 1 / (variance + Double(eps)).squareRoot())
  }

  /// Both norms are one formula over sets of values normalised together:
  /// dx = rstd (w d - average(w d) - xhat average(w d xhat)), where d is dy times the derivative of what
  /// comes `then`, at value i.
  private func backward(
    _ x: Floats, _ weight: Floats, _ mean: Floats, _ rstd: Floats, _ dy: Floats,
    _ dx: MutableFloats?, _ dWeight: MutableFloats?, _ dBias: MutableFloats?, width: Int,
    groups: [[Int]], then: (_ i: Int, _ xhat: Double) -> Double = { _, _ in 1 }
  ) {
    var (weightSums, biasSums) = (
      [Double](repeating: 0, count: width), [Double](repeating: 0, count: width)
    )
    for (index, members) in groups.enumerated() {
      let (m, r) = (Double(mean[index]), Double(rstd[index]))
      func xhat(_ i: Int) -> Double { (Double(x[i]) - m) * r }
      func d(_ i: Int) -> Double { Double(dy[i]) * then(i, xhat(i)) }
      func wd(_ i: Int) -> Double { Double(weight[i % width]) * d(i) }
      let average = members.reduce(0.0) { $0 + wd($1) } / Double(members.count)
      let along = members.reduce(0.0) { $0 + wd($1) * xhat($1) } / Double(members.count)
      for i in members {
        dx?[i] = Float(r * (wd(i) - average - xhat(i) * along))
        weightSums[i % width] += d(i) * xhat(i)
        biasSums[i % width] += d(i)
      }
    }
    for c in 0..<width {
      if let dWeight { dWeight[c] = Float(Double(dWeight[c]) + weightSums[c]) }
      if let dBias { dBias[c] = Float(Double(dBias[c]) + biasSums[c]) }
    }
  }
}

extension GroupNormGeometry {
  /// Offsets of the values normalised together, one list per (b, group).
  func members() -> [[Int]] {
    (0..<B * groups).map { index in
      let (b, group, width) = (index / groups, index % groups, C / groups)
      return (0..<P).flatMap { p in
        (0..<width).map { (b * P + p) * C + group * width + $0 }
      }
    }
  }
}
