import Tensors

/// The random numbers of one picture, in [0, 1), taken one after the other.
package struct ToyDice: Equatable, Sendable {
  private let numbers: [Float]
  private var next = 0

  /// More than any picture takes.
  private static let count = 96

  init(seed: UInt64, index: Int) {
    numbers = Philox(seed: seed).draw(.toyWorld, step: index).uniform([Self.count]).values
  }

  mutating func unit() -> Float {
    precondition(next < numbers.count, "ToyDice: a picture takes at most \(numbers.count) numbers")
    defer { next += 1 }
    return numbers[next]
  }

  mutating func between(_ low: Float, _ high: Float) -> Float { low + (high - low) * unit() }

  mutating func below(_ count: Int) -> Int { min(count - 1, Int(unit() * Float(count))) }
}
