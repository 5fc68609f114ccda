import Tensors
import Testing
import Training

@Suite struct CompactMomentsTests {
  /// Moments of values that lie still: updates at rate 0, the first with a gradient.
  private func moments(
    of gradient: [Float], beta: Float, updates: Int, _ kernels: any Kernels
  ) -> (m: [Float], v: [Float]) {
    let count = gradient.count
    var p = [Float](repeating: 1, count: count)
    var (m, v) = ([UInt8](repeating: 0, count: count), [UInt8](repeating: 0, count: count))
    var scales = [Float](repeating: 0, count: 2 * ((count + 255) / 256))
    for step in 1...updates {
      // The first value of a block never fades, so that its scale stays.
      let g = gradient.enumerated().map { step == 1 || $0.offset % 256 == 0 ? $0.element : 0 }
      let beta = step == 1 ? 0 : beta
      kernels.adamW(
        &p, g, codes: &m, &v, scales: &scales, count: count,
        AdamWStep(
          learningRate: 0, beta1: beta, beta2: beta, epsilon: 1e-8, weightDecay: 0, correction1: 1,
          correction2: 1, gradientScale: 1),
        rounding: Philox(seed: 2).draw(.momentRounding, step: step))
    }
    return (
      m.enumerated().map { MomentCode.m($1, scale: scales[$0 / 256 * 2]) },
      v.enumerated().map { MomentCode.v($1, scale: scales[$0 / 256 * 2 + 1]) }
    )
  }

  @Test func `a moment is kept to within one size`() {
    let gradient = Philox(seed: 5).draw(.test).normal([1000]).values.map { $0 * 1e-3 }
    let kept = moments(of: gradient, beta: 0, updates: 1, FastKernels())
    for (i, g) in gradient.enumerated() {
      // One size up or down: an eighth of m, a sixteenth of the root of v.
      #expect(abs(kept.m[i] - g) <= abs(g) / 8 + 1e-7)
      #expect(abs(kept.v[i] - g * g) <= g * g / 7 + 1e-14)
      #expect(kept.v[i] > 0)
    }
  }

  @Test(arguments: [true, false])
  func `small changes arrive in the mean`(isFast: Bool) {
    // A decay of one in a thousand, far below a size, for a thousand steps: e^-1 is left.
    let gradient = (0..<4096).map { $0 % 256 == 0 ? Float(1) : 0.5 }
    let kept = moments(
      of: gradient, beta: 0.999, updates: 1001,
      isFast ? FastKernels() : ReferenceKernels() as any Kernels)
    func mean(_ x: [Float]) -> Float {
      let rest = x.enumerated().filter { $0.offset % 256 != 0 }.map(\.element)
      return rest.reduce(0, +) / Float(rest.count)
    }
    #expect(abs(mean(kept.m) / 0.5 - 0.3677) < 0.02)
    // The root is what keeps its mean; a square's mean lies a little above.
    #expect(abs(mean(kept.v) / 0.25 - 0.3677) < 0.04)
  }

  @Test func `zeros stay zeros`() {
    let kept = moments(of: [Float](repeating: 0, count: 300), beta: 0.9, updates: 2, FastKernels())
    #expect(kept.m.allSatisfy { $0 == 0 } && kept.v.allSatisfy { $0 == 0 })
  }

  /// Least squares in 64 unknowns: the compact optimizer goes where the wide one goes.
  @Test func `training with 8 bits follows training with 32`() {
    func train(_ compact: Philox?) -> (first: Float, last: Float) {
      let draw = Philox(seed: 8)
      let a = draw.draw(.test).normal([128, 64])
      let b = draw.draw(.test, index: 1).normal([128, 1])
      let x = Tensor.zeros([64, 1])
      let group = ParameterGroup([(key: "x", tensor: x)])
      let optimizer = AdamW(group, .init(weightDecay: 0), compact: compact)
      var losses: [Float] = []
      for step in 1...400 {
        group.clearGradients()
        let loss = meanSquaredError(matmul(a, x), b)
        losses.append(loss.item)
        loss.backward()
        optimizer.update(step: step, rate: 1e-2, gradientScale: 1)
      }
      return (losses[0], losses[losses.count - 1])
    }
    let (wide, compact) = (train(nil), train(Philox(seed: 3)))
    #expect(wide.first == compact.first && wide.last < 0.7 * wide.first)
    #expect(abs(compact.last - wide.last) < 0.01 * wide.first)
  }
}
