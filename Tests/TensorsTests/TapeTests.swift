import Tensors
import Testing

/// Gradients worked out by hand, on shapes small enough to see.
@Suite struct TapeTests {
  private func leaf(_ values: [Float], _ shape: Shape) -> Tensor {
    let tensor = Tensor(values, shape: shape)
    tensor.isTrainable = true
    return tensor
  }

  @Test func `a tensor used twice gets both gradients`() {
    let x = leaf([1, 2, 3], [3])
    sum(x * x + x).backward()
    #expect(x.gradient?.values == [3, 5, 7])
  }

  @Test func `a gradient handed to two operands is not written through`() {
    // `a + b` passes one gradient tensor to both sides; b gets a second one on top.
    let a = leaf([1, 2], [2])
    let b = leaf([3, 4], [2])
    let s = a + b
    sum(s.reshaped([1, 2]).reshaped([2]) + b * 10).backward()
    #expect(a.gradient?.values == [1, 1])
    #expect(b.gradient?.values == [11, 11])
  }

  @Test func `reshaped twins share memory but not gradients`() {
    let x = leaf([1, 2, 3, 4], [4])
    let y = x * 2
    let first = y.reshaped([2, 2])
    let second = y.reshaped([1, 4])
    (sum(first) + sum(second * second)).backward()
    // d/dy (y + y^2) = 1 + 2y, times dy/dx = 2
    #expect(x.gradient?.values == [10, 18, 26, 34])
  }

  @Test func `gradients accumulate over two passes until they are cleared`() {
    let x = leaf([2], [1])
    (x * x).backward()
    (x * x).backward()
    #expect(x.gradient?.values == [8])
    x.gradient = nil
    (x * x).backward()
    #expect(x.gradient?.values == [4])
  }

  @Test func `nothing is recorded without gradients or without trainable leaves`() {
    let x = leaf([1, 2], [2])
    let frozen = withoutGradients { sum(x * x) }
    frozen.backward()
    #expect(x.gradient == nil)
    let y = Tensor([1, 2], shape: [2])
    sum(y * y).backward()
    #expect(y.gradient == nil)
  }

  @Test func `recomputation gives the same values and gradients`() {
    func block(_ x: Tensor, _ w: Tensor) -> Tensor { silu(linear(silu(x), w)) }
    let draws = Philox(seed: 3)
    func gradients(_ recomputed: Bool) -> [[Float]] {
      let x = draws.draw(.test, index: 0).normal([3, 4])
      let w = draws.draw(.test, index: 1).normal([4, 4])
      x.isTrainable = true
      w.isTrainable = true
      let h = x * 2
      let y = recomputed ? recompute([h]) { block($0[0], w) } : block(h, w)
      let loss = sum(square(y + h))
      loss.backward()
      return [[loss.item], x.gradient?.values ?? [], w.gradient?.values ?? []]
    }
    let plain = gradients(false)
    #expect(plain[1].count == 12 && plain[2].count == 16)
    #expect(plain == gradients(true))
  }

  @Test func `recomputation reaches weights when no input wants a gradient`() {
    let w = leaf([1, 2, 3, 4], [2, 2])
    let x = Tensor([1, 1], shape: [1, 2])
    sum(recompute([x]) { linear($0[0], w) }).backward()
    #expect(w.gradient?.values == [1, 1, 1, 1])
  }

  @Test func `a leaf is finished once, when the last of its uses has added to it`() {
    let (w, once) = (leaf([1, 2, 3, 4], [2, 2]), leaf([5, 6, 7, 8], [2, 2]))
    let x = Tensor([1, 1], shape: [1, 2])
    func loss() -> Tensor {
      let first = linear(x, w)
      let inner = recompute([first, w]) { linear(linear($0[0], $0[1]), w) }
      let last = recompute([inner]) { linear(silu(linear($0[0], w)), once) }
      return sum(recompute([last]) { linear($0[0], once) })
    }
    loss().backward()
    let expected = [w.gradient?.values, once.gradient?.values]
    (w.gradient, once.gradient) = (nil, nil)
    var found: [[Float]?] = [nil, nil]
    var order: [String] = []
    loss().backward { leaf in
      let index = leaf === w ? 0 : 1
      found[index] = leaf.gradient?.values
      leaf.gradient = nil
      // Nothing reads it any more.
      leaf.withMutableFloats { $0.update(repeating: .nan) }
      order.append(leaf === w ? "w" : "once")
    }
    #expect(order == ["once", "w"])
    #expect(found == expected && expected[0] != nil)
  }

  @Test func `inside a recomputed body each leaf is finished before the body is`() {
    let (first, second) = (leaf([1, 2, 3, 4], [2, 2]), leaf([1, 0, 0, 1], [2, 2]))
    let x = Tensor([1, 1], shape: [1, 2])
    var alive: [Bool] = []
    sum(recompute([x]) { linear(linear($0[0], first), second) }).backward { leaf in
      alive.append(first.gradient != nil && second.gradient != nil)
      leaf.gradient = nil
    }
    #expect(alive == [false, false])
  }

  @Test func `a recomputed body without anything that trains leaves no history`() {
    let (w, x) = (Tensor([1, 2, 3, 4], shape: [2, 2]), Tensor([1, 1], shape: [1, 2]))
    let y = recompute([x]) { linear($0[0], w) }
    var finished = 0
    sum(y).backward { _ in finished += 1 }
    #expect(finished == 0 && y.values == [3, 7])
  }

  @Test func `broadcast sums the gradient down to the smaller operand`() {
    let x = leaf([1, 2, 3, 4, 5, 6, 7, 8], [2, 2, 2])
    let b = leaf([10, 20, 30, 40], [2, 1, 2])
    sum(x * b).backward()
    #expect(b.gradient?.values == [4, 6, 12, 14])
    #expect(x.gradient?.values == [10, 20, 10, 20, 30, 40, 30, 40])
    let perSample = leaf([2, 3], [2, 1, 1])
    sum(Tensor.full([2, 2, 2], 1) / perSample).backward()
    #expect(perSample.gradient?.values == [-1, -4.0 / 9])
  }

  @Test func `P22 a batch axis is never broadcast`() async {
    await #expect(processExitsWith: .failure) {
      _ = Tensor([1, 2, 3, 4], shape: [2, 2]) * Tensor([1, 2], shape: [1, 2])
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor([1, 2, 3, 4], shape: [2, 2]) + Tensor([1, 2], shape: [2])
    }
  }

  @Test func `overlapping slices add up`() {
    let x = leaf([1, 2, 3], [1, 3])
    (sum(x.slice(axis: 1, 0..<2)) + sum(x.slice(axis: 1, 1..<3) * 10)).backward()
    #expect(x.gradient?.values == [1, 11, 10])
  }

  @Test func `split and concatenate return what came in`() {
    let x = leaf((0..<12).map(Float.init), [2, 6])
    let parts = x.split(axis: 1, parts: 3)
    #expect(parts[1].values == [2, 3, 8, 9])
    let y = concatenated(parts, axis: 1)
    #expect(y.values == x.values)
    sum(y * y).backward()
    #expect(x.gradient?.values == x.values.map { 2 * $0 })
  }
}
