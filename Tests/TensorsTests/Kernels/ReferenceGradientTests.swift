import Tensors
import Testing

/// Reference gradients against central differences of the reference forward: the derivative of
/// L = sum(w y) along a random direction u is (L(x + hu) - L(x - hu)) / 2h, and also dx . u.
@Suite struct ReferenceGradientTests {
  let kernels = ReferenceKernels()

  /// `forward` maps x to y; `gradient` maps (x, dy) to dx.
  func check(
    _ what: String, _ x: [Float], forward: ([Float]) -> [Float],
    gradient: ([Float], [Float]) -> [Float]
  ) {
    let h: Float = 0.01  // y is f32: a smaller step would measure its rounding
    let w = noise(forward(x).count, 77)
    for seed in 100..<UInt64(103) {
      let u = noise(x.count, seed)
      func loss(_ sign: Float) -> Double {
        let y = forward(zip(x, u).map { $0 + sign * h * $1 })
        return zip(w, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
      }
      let numeric = (loss(1) - loss(-1)) / Double(2 * h)
      let dx = gradient(x, w)
      let analytic = zip(dx, u).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      let size = zip(dx, u).reduce(0.0) { $0 + abs(Double($1.0) * Double($1.1)) }
      #expect(abs(numeric - analytic) < 2e-3 * (size + 0.1), "\(what): \(numeric), \(analytic)")
    }
  }

  @Test("Elementwise functions", arguments: UnaryFunction.allCases)
  func unary(_ f: UnaryFunction) {
    check(
      "\(f)", noise(40, 1, scale: 1, shift: [.log, .sqrt, .reciprocal].contains(f) ? 3 : 0.013),
      forward: { x in written(x.count) { kernels.unary(f, x, $0, count: x.count) } },
      gradient: { x, dy in
        written(x.count) { kernels.unaryBackward(f, x, dy, $0, count: x.count) }
      })
  }

  @Test("GEGLU")
  func geglu() {
    check(
      "geglu", noise(40, 1),
      forward: { x in
        x.withOperand { x in written(20) { kernels.geglu(x, $0, rows: 4, width: 5) } }
      },
      gradient: { x, dy in
        x.withOperand { x in written(40) { kernels.gegluBackward(x, dy, $0, rows: 4, width: 5) } }
      })
  }

  @Test(
    "Convolution, for its input and its weight", arguments: ProductKernelTests.geometries.prefix(7))
  func convolution(_ g: ConvGeometry) {
    let (x, weight) = (noise(g.B * g.H * g.W * g.cIn, 1), noise(g.cOut * g.cIn * g.kh * g.kw, 2))
    let count = g.B * g.outH * g.outW * g.cOut
    func forward(_ x: [Float], _ weight: [Float]) -> [Float] {
      weight.withOperand { w in
        written(count) { kernels.conv2d(x, w, bias: nil, $0, g, precision: .f32) }
      }
    }
    check(
      "input", x, forward: { forward($0, weight) },
      gradient: { x, dy in
        weight.withOperand { w in
          written(x.count) { kernels.conv2dBackwardInput(dy, w, $0, g, precision: .f32) }
        }
      })
    check(
      "weight", weight, forward: { forward(x, $0) },
      gradient: { weight, dy in
        written([Float](repeating: 0, count: weight.count)) {
          kernels.conv2dBackwardWeight(x, dy, $0, nil, g, accumulate: true, precision: .f32)
        }
      })
  }

  @Test("Group norm, for its input, weight and bias", arguments: [false, true])
  func groupNorm(silu: Bool) {
    let g = GroupNormGeometry(B: 2, P: 7, C: 12, groups: 3, eps: 1e-5, silu: silu)
    let zeros = [Float](repeating: 0, count: g.C)
    let (x, weight, bias) = (noise(2 * 7 * 12, 1), noise(g.C, 2), noise(g.C, 3))
    var (mean, rstd) = ([Float](repeating: 0, count: 6), [Float](repeating: 0, count: 6))
    func forward(_ x: [Float], _ weight: [Float], _ bias: [Float]) -> [Float] {
      written(x.count) {
        kernels.groupNorm(x, weight: weight, bias: bias, $0, mean: &mean, rstd: &rstd, g)
      }
    }
    func backward(_ x: [Float], _ dy: [Float]) -> [[Float]] {
      _ = forward(x, weight, bias)
      var (dWeight, dBias) = (zeros, zeros)
      let dx = written(x.count) {
        kernels.groupNormBackward(
          x, weight: weight, bias: bias, mean: mean, rstd: rstd, dy, $0, dWeight: &dWeight,
          dBias: &dBias, g)
      }
      return [dx, dWeight, dBias]
    }
    check("x", x, forward: { forward($0, weight, bias) }, gradient: { backward($0, $1)[0] })
    check("weight", weight, forward: { forward(x, $0, bias) }, gradient: { backward(x, $1)[1] })
    check("bias", bias, forward: { forward(x, weight, $0) }, gradient: { backward(x, $1)[2] })
  }

  @Test("Layer norm, for its input, weight and bias")
  func layerNorm() {
    let (rows, width) = (5, 11)
    let zeros = [Float](repeating: 0, count: width)
    let (x, weight, bias) = (noise(rows * width, 1), noise(width, 2), noise(width, 3))
    var (mean, rstd) = ([Float](repeating: 0, count: rows), [Float](repeating: 0, count: rows))
    func forward(_ x: [Float], _ weight: [Float], _ bias: [Float]) -> [Float] {
      written(x.count) {
        kernels.layerNorm(
          x, weight: weight, bias: bias, $0, mean: &mean, rstd: &rstd, rows: rows, width: width,
          eps: 1e-5)
      }
    }
    func backward(_ x: [Float], _ dy: [Float]) -> [[Float]] {
      _ = forward(x, weight, bias)
      var (dWeight, dBias) = (zeros, zeros)
      let dx = written(x.count) {
        kernels.layerNormBackward(
          x, weight: weight, mean: mean, rstd: rstd, dy, $0, dWeight: &dWeight, dBias: &dBias,
          rows: rows, width: width)
      }
      return [dx, dWeight, dBias]
    }
    check("x", x, forward: { forward($0, weight, bias) }, gradient: { backward($0, $1)[0] })
    check("weight", weight, forward: { forward(x, $0, bias) }, gradient: { backward(x, $1)[1] })
    check("bias", bias, forward: { forward(x, weight, $0) }, gradient: { backward(x, $1)[2] })
  }

  @Test("Softmax")
  func softmax() {
    func forward(_ x: [Float]) -> [Float] {
      written(x.count) { kernels.softmax(x, $0, rows: 3, width: 9) }
    }
    check("softmax", noise(27, 1, scale: 2), forward: forward) { x, dy in
      written(x.count) { kernels.softmaxBackward(forward(x), dy, $0, rows: 3, width: 9) }
    }
  }

  @Test("Attention, for queries, keys and values", arguments: [false, true])
  func attention(causal: Bool) {
    let g = AttentionGeometry(B: 2, N: 5, T: 6, heads: 2, d: 3, scale: 0.7, causal: causal)
    let given = [noise(60, 1), noise(72, 2), noise(72, 3)]
    var lse = [Float](repeating: 0, count: 20)
    func forward(_ i: [[Float]]) -> [Float] {
      written(60) { kernels.attention(i[0], i[1], i[2], $0, logSumExp: &lse, g, precision: .f32) }
    }
    func backward(_ i: [[Float]], _ dO: [Float]) -> [[Float]] {
      let o = forward(i)
      var (dk, dv) = ([Float](repeating: 0, count: 72), [Float](repeating: 0, count: 72))
      let dq = written(60) {
        kernels.attentionBackward(
          i[0], i[1], i[2], o, logSumExp: lse, dO, dq: $0, dk: &dk, dv: &dv, g, precision: .f32)
      }
      return [dq, dk, dv]
    }
    for which in 0..<3 {
      func inputs(with x: [Float]) -> [[Float]] {
        var all = given
        all[which] = x
        return all
      }
      check(
        "input \(which)", given[which], forward: { forward(inputs(with: $0)) },
        gradient: { backward(inputs(with: $0), $1)[which] })
    }
  }
}
