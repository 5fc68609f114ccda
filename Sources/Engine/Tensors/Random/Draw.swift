import Glibc

/// The numbers of one draw. Asking twice gives the same numbers.
package struct Draw: Sendable {
  let key: (UInt32, UInt32)
  let stream: (UInt32, UInt32, UInt32)

  private func block(_ i: Int) -> (UInt32, UInt32, UInt32, UInt32) {
    Philox.block(
      counter: (UInt32(truncatingIfNeeded: i), stream.0, stream.1, stream.2), key: key)
  }

  /// Number i of the draw's 32-bit words, four from each block.
  func word(_ i: Int) -> UInt32 {
    let words = block(i / 4)
    return [words.0, words.1, words.2, words.3][i % 4]
  }

  /// Standard normal numbers, by Box and Muller: four from each block.
  package func normal(_ shape: Shape) -> Tensor {
    fill(shape) { block in
      let (a, b) = Draw.boxMuller(block.0, block.1)
      let (c, d) = Draw.boxMuller(block.2, block.3)
      return (a, b, c, d)
    }
  }

  /// Uniform in [0, 1).
  package func uniform(_ shape: Shape) -> Tensor {
    fill(shape) {
      (Draw.unit($0.0), Draw.unit($0.1), Draw.unit($0.2), Draw.unit($0.3))
    }
  }

  /// One number, uniform in [0, 1).
  package func uniform() -> Float { Draw.unit(block(0).0) }

  package func integer(below bound: Int) -> Int { integers(count: 1, below: bound)[0] }

  /// Integers in 0 ..< bound, each by one 64-bit multiplication (bias below bound / 2^64).
  package func integers(count: Int, below bound: Int) -> [Int] {
    precondition(bound > 0, "integers below \(bound)")
    return (0..<count).map { i in
      let words = block(i / 2)
      let word =
        i % 2 == 0
        ? UInt64(words.0) << 32 | UInt64(words.1) : UInt64(words.2) << 32 | UInt64(words.3)
      return Int(word.multipliedFullWidth(by: UInt64(bound)).high)
    }
  }

  /// 0 ..< count in random order (Fisher and Yates).
  package func permutation(count: Int) -> [Int] {
    var order = Array(0..<count)
    for i in stride(from: count - 1, to: 0, by: -1) {
      let words = block(i)
      let word = UInt64(words.0) << 32 | UInt64(words.1)
      order.swapAt(i, Int(word.multipliedFullWidth(by: UInt64(i + 1)).high))
    }
    return order
  }

  private func fill(
    _ shape: Shape,
    _ convert: ((UInt32, UInt32, UInt32, UInt32)) -> (Float, Float, Float, Float)
  ) -> Tensor {
    let tensor = Tensor(uninitialized: shape)
    let count = shape.count
    let y = tensor.mutableFloats
    for i in 0..<(count + 3) / 4 {
      let (a, b, c, d) = convert(block(i))
      let at = 4 * i
      y[at] = a
      if at + 1 < count { y[at + 1] = b }
      if at + 2 < count { y[at + 2] = c }
      if at + 3 < count { y[at + 3] = d }
    }
    return tensor
  }

  private static func unit(_ word: UInt32) -> Float { Float(word >> 8) * 0x1p-24 }

  private static func boxMuller(_ first: UInt32, _ second: UInt32) -> (Float, Float) {
    let radius = (-2 * logf(Float((first >> 8) + 1) * 0x1p-24)).squareRoot()
    let angle = 2 * Float.pi * unit(second)
    return (radius * cosf(angle), radius * sinf(angle))
  }
}
