import Tensors
import Testing
import Training

@Suite struct CompactMomentsTests {
  private func moments(_ count: Int) -> (m: Tensor, v: Tensor) {
    let draw = Philox(seed: 5)
    let m = draw.draw(.test).normal([count])
    let v = draw.draw(.test, index: 1).normal([count])
    return (m * 1e-3, v * v * 1e-7)
  }

  @Test func `what was read is found again, value by value`() {
    let (m, v) = moments(1000)
    let kept = CompactMoments(count: 1000)
    kept.write(m: m, v: v, rounding: Philox(seed: 1).draw(.test, index: 2))
    let (firstM, firstV) = (Tensor.zeros([1000]), Tensor.zeros([1000]))
    kept.read(m: firstM, v: firstV)
    for i in 0..<1000 {
      // One size up or down: an eighth of m, an eighth of v (a sixteenth of its root).
      #expect(abs(firstM.values[i] - m.values[i]) <= abs(m.values[i]) / 8 + 1e-7)
      #expect(abs(firstV.values[i] - v.values[i]) <= v.values[i] / 7 + 1e-14)
      #expect(firstV.values[i] > 0)
    }
    let again = CompactMoments(count: 1000)
    again.write(m: firstM, v: firstV, rounding: nil)
    let (secondM, secondV) = (Tensor.zeros([1000]), Tensor.zeros([1000]))
    again.read(m: secondM, v: secondV)
    #expect(secondM.values == firstM.values && secondV.values == firstV.values)
  }

  @Test func `small changes arrive in the mean`() {
    // A decay of one in a thousand, far below a size, for a thousand steps: e^-1 is left.
    let count = 4096
    let kept = CompactMoments(count: count)
    let (m, v) = (Tensor.full([count], 0.5), Tensor.full([count], 0.25))
    for i in 0..<count / 256 {
      m.withMutableFloats { $0[256 * i] = 1 }
      v.withMutableFloats { $0[256 * i] = 1 }
    }
    kept.write(m: m, v: v, rounding: nil)
    for step in 1...1000 {
      kept.read(m: m, v: v)
      for tensor in [m, v] {
        tensor.withMutableFloats { values in
          for i in values.indices where i % 256 != 0 { values[i] *= 0.999 }
        }
      }
      kept.write(m: m, v: v, rounding: Philox(seed: 2).draw(.momentRounding, step: step))
    }
    kept.read(m: m, v: v)
    func mean(_ x: Tensor) -> Float {
      let rest = x.values.enumerated().filter { $0.offset % 256 != 0 }.map(\.element)
      return rest.reduce(0, +) / Float(rest.count)
    }
    #expect(abs(mean(m) / 0.5 - 0.3677) < 0.02)
    // The root is what keeps its mean; a square's mean lies a little above.
    #expect(abs(mean(v) / 0.25 - 0.3677) < 0.04)
  }

  @Test func `zeros stay zeros`() {
    let kept = CompactMoments(count: 300)
    let (m, v) = (Tensor.zeros([300]), Tensor.zeros([300]))
    kept.write(m: m, v: v, rounding: Philox(seed: 1).draw(.test))
    kept.read(m: m, v: v)
    #expect(m.values.allSatisfy { $0 == 0 } && v.values.allSatisfy { $0 == 0 })
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
