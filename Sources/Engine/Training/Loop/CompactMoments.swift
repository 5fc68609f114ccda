package import Tensors

/// The two moments of one parameter in a byte each: blocks of 256 share a scale (as in 8-bit optimizers, Dettmers et al.,
/// 2110.02861), a value is a small float relative to it.
///
///     m = scale * (-1)^s * 2^-j (1 + k / 8)         sign, 127 sizes down to 2^-15.9
///     sqrt(v) = scale * 2^-j (1 + k / 16)           255 sizes down to 2^-15.9
///
/// New values are rounded up or down at random, each with the probability that keeps the mean: a change smaller than a
/// size, such as beta2 makes, would otherwise never arrive. v is never rounded to zero, which would divide by it.
package final class CompactMoments {
  private static let block = 256
  private let count: Int
  private var m: [UInt8]
  private var v: [UInt8]
  private var scales: [(m: Float, v: Float)]

  package init(count: Int) {
    self.count = count
    m = Array(repeating: 0, count: count)
    v = Array(repeating: 0, count: count)
    scales = Array(repeating: (0, 0), count: (count + Self.block - 1) / Self.block)
  }

  /// Writes the moments as numbers into two tensors of `count` values.
  package func read(m wideM: Tensor, v wideV: Tensor) {
    wideM.withMutableFloats { wideM in
      wideV.withMutableFloats { wideV in
        for i in 0..<count {
          let scale = scales[i / Self.block]
          let size = Self.firstSizes[Int(m[i] & 127)] * scale.m
          wideM[i] = m[i] & 128 == 0 ? size : -size
          let root = Self.secondSizes[Int(v[i])] * scale.v
          wideV[i] = root * root
        }
      }
    }
  }

  /// Keeps two tensors of `count` values.
  /// - Parameter rounding: says which way each value goes; nil takes the nearest, which finds a value that was read
  package func write(m wideM: Tensor, v wideV: Tensor, rounding: Draw?) {
    let random = rounding.map { $0.integers(count: (count + 1) / 2, below: 1 << 62) }
    wideM.withFloats { wideM in
      wideV.withFloats { wideV in
        for first in stride(from: 0, to: count, by: Self.block) {
          let range = first..<min(first + Self.block, count)
          var scale: (m: Float, v: Float) = (0, 0)
          for i in range {
            scale.m = max(scale.m, abs(wideM[i]))
            scale.v = max(scale.v, wideV[i])
          }
          scale.v = scale.v.squareRoot()
          scales[first / Self.block] = scale
          for i in range {
            // 62 bits serve two values of two moments.
            let bits = random.map { UInt32(truncatingIfNeeded: $0[i / 2] >> (31 * (i % 2))) }
            let size = Self.code(
              abs(wideM[i]), scale.m, mantissaBits: 3, top: 127, least: 0, bits.map { $0 & 0x7FFF })
            m[i] = UInt8(size) | (wideM[i] < 0 ? 128 : 0)
            v[i] = UInt8(
              Self.code(
                wideV[i].squareRoot(), scale.v, mantissaBits: 4, top: 255, least: 1,
                bits.map { $0 >> 15 & 0x7FFF }))
          }
        }
      }
    }
  }

  /// The number of a size at or next to x / scale; 0 stands for zero.
  /// - Parameters:
  ///   - least: what a value below all sizes becomes
  ///   - random: 15 bits, or nil for the nearest
  private static func code(
    _ x: Float, _ scale: Float, mantissaBits: UInt32, top: Int, least: Int, _ random: UInt32?
  ) -> Int {
    guard x > 0, scale > 0 else { return 0 }
    let dropped = 23 - mantissaBits
    // A random number below one step, or half a step.
    let added = random.map { $0 << (dropped - 15) } ?? 1 << (dropped - 1)
    let steps = Int(min(x / scale, 1).bitPattern + added) >> Int(dropped)
    return min(max(steps - Int(Float(1).bitPattern >> dropped) + top, least), top)
  }

  private static let firstSizes = sizes(mantissaBits: 3, top: 127)
  private static let secondSizes = sizes(mantissaBits: 4, top: 255)

  private static func sizes(mantissaBits: UInt32, top: UInt32) -> [Float] {
    let dropped = 23 - mantissaBits
    let one = Float(1).bitPattern >> dropped
    return [0] + (1...top).map { Float(bitPattern: (one - (top - $0)) << dropped) }
  }
}
