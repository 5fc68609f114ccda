extension ReferenceKernels {
  package func matmul(
    _ a: Operand, transposeA: Bool, _ b: Operand, transposeB: Bool, bias: Floats?,
    _ c: MutableFloats, m: Int, n: Int, k: Int, batch: Int, accumulate: Bool,
    precision: ComputePrecision
  ) {
    for s in 0..<batch {
      for i in 0..<m {
        for j in 0..<n {
          let at = (s * m + i) * n + j
          var sum = (accumulate ? Double(c[at]) : 0) + (bias.map { Double($0[j]) } ?? 0)
          for l in 0..<k {
            let left = a[s * m * k + (transposeA ? l * m + i : i * k + l)]
            let right = b[s * k * n + (transposeB ? j * k + l : l * n + j)]
            sum += precision.rounded(left) * precision.rounded(right)
          }
          c[at] = Float(sum)
        }
      }
    }
  }

  package func conv2d(
    _ x: Floats, _ weight: Operand, bias: Floats?, _ y: MutableFloats, _ g: ConvGeometry,
    precision: ComputePrecision
  ) {
    for at in 0..<g.B * g.outH * g.outW * g.cOut { y[at] = bias.map { $0[at % g.cOut] } ?? 0 }
    var sums = [Double](repeating: 0, count: g.B * g.outH * g.outW * g.cOut)
    g.forEachProduct { x_, w, y_ in
      sums[y_] += precision.rounded(x[x_]) * precision.rounded(weight[w])
    }
    for at in sums.indices { y[at] = Float(sums[at] + Double(y[at])) }
  }

  package func conv2dBackwardInput(
    _ dy: Floats, _ weight: Operand, _ dx: MutableFloats, _ g: ConvGeometry,
    precision: ComputePrecision
  ) {
    var sums = [Double](repeating: 0, count: g.B * g.H * g.W * g.cIn)
    g.forEachProduct { x, w, y in
      sums[x] += precision.rounded(dy[y]) * precision.rounded(weight[w])
    }
    for at in sums.indices { dx[at] = Float(sums[at]) }
  }

  package func conv2dBackwardWeight(
    _ x: Floats, _ dy: Floats, _ dWeight: MutableFloats?, _ dBias: MutableFloats?,
    _ g: ConvGeometry, accumulate: Bool, precision: ComputePrecision
  ) {
    if let dWeight {
      var sums = [Double](repeating: 0, count: g.cOut * g.cIn * g.kh * g.kw)
      g.forEachProduct { x_, w, y in
        sums[w] += precision.rounded(dy[y]) * precision.rounded(x[x_])
      }
      for at in sums.indices {
        dWeight[at] = Float((accumulate ? Double(dWeight[at]) : 0) + sums[at])
      }
    }
    if let dBias {
      for o in 0..<g.cOut {
        var sum = Double(dBias[o])
        for position in 0..<g.B * g.outH * g.outW { sum += Double(dy[position * g.cOut + o]) }
        dBias[o] = Float(sum)
      }
    }
  }
}

extension ConvGeometry {
  /// Every product x * w that is part of a y, as the three offsets: the definition of convolution
  /// and, read from another side, of both its gradients.
  func forEachProduct(_ body: (_ x: Int, _ weight: Int, _ y: Int) -> Void) {
    for b in 0..<B {
      for (oy, ox) in grid(outH, outW) {
        for (ky, kx) in grid(kh, kw) {
          let (iy, ix) = (oy * stride + ky - top, ox * stride + kx - left)
          guard (0..<H).contains(iy), (0..<W).contains(ix) else { continue }
          for (o, i) in grid(cOut, cIn) {
            body(
              ((b * H + iy) * W + ix) * cIn + i, ((o * cIn + i) * kh + ky) * kw + kx,
              ((b * outH + oy) * outW + ox) * cOut + o)
          }
        }
      }
    }
  }

  private func grid(_ rows: Int, _ columns: Int) -> some Sequence<(Int, Int)> {
    (0..<rows * columns).lazy.map { ($0 / columns, $0 % columns) }
  }
}
