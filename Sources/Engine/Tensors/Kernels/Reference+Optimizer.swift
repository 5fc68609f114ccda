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

  package func adamW(
    _ p: MutableFloats, _ gradient: Floats, codes m: MutableBytes, _ v: MutableBytes,
    scales: MutableFloats, count: Int, _ s: AdamWStep, rounding: Draw
  ) {
    for first in stride(from: 0, to: count, by: MomentCode.block) {
      let n = min(MomentCode.block, count - first)
      let scale = scales + 2 * (first / MomentCode.block)
      var wideM = (0..<n).map { MomentCode.m(m[first + $0], scale: scale[0]) }
      var wideV = (0..<n).map { MomentCode.v(v[first + $0], scale: scale[1]) }
      adamW(p + first, gradient + first, m: &wideM, v: &wideV, count: n, s)
      scale[0] = wideM.reduce(0) { max($0, abs($1)) }
      scale[1] = wideV.reduce(0, max).squareRoot()
      for i in 0..<n {
        let word = rounding.word(first + i)
        m[first + i] = MomentCode.code(m: wideM[i], scale: scale[0], random: word & 0x7FFF)
        v[first + i] = MomentCode.code(v: wideV[i], scale: scale[1], random: word >> 15 & 0x7FFF)
      }
    }
  }
}

/// A moment of the optimizer in a byte: a small float relative to a scale that a block of values shares (as in 8-bit
/// optimizers, Dettmers et al., 2110.02861).
///
///     m = scale * (-1)^s * 2^-j (1 + k / 8)         sign, 127 sizes down to 2^-15.9
///     sqrt(v) = scale * 2^-j (1 + k / 16)           255 sizes down to 2^-15.9
///
/// New values are rounded up or down at random, each with the probability that keeps the mean: a change smaller than a
/// size, such as beta2 makes, would otherwise never arrive. v is never rounded to zero, which would divide by it.
package enum MomentCode {
  /// Values that share a scale.
  package static let block = 256

  package static func m(_ code: UInt8, scale: Float) -> Float {
    let size = size(UInt32(code & 127), dropped: 20, top: 127) * scale
    return code & 128 == 0 ? size : -size
  }

  package static func v(_ code: UInt8, scale: Float) -> Float {
    let root = size(UInt32(code), dropped: 19, top: 255) * scale
    return root * root
  }

  static func code(m: Float, scale: Float, random: UInt32) -> UInt8 {
    let sign: UInt8 = m.sign == .minus ? 128 : 0
    return number(abs(m), scale, random, dropped: 20, top: 127, least: 0) | sign
  }

  static func code(v: Float, scale: Float, random: UInt32) -> UInt8 {
    number(v.squareRoot(), scale, random, dropped: 19, top: 255, least: 1)
  }

  private static func size(_ number: UInt32, dropped: UInt32, top: UInt32) -> Float {
    let one = Float(1).bitPattern >> dropped
    return number == 0 ? 0 : Float(bitPattern: (one - top + number) << dropped)
  }

  /// - Parameters:
  ///   - random: 15 bits, below one step between sizes
  ///   - dropped: bits of a float that a size leaves out
  ///   - top: number of the largest size, which is the scale; 0 stands for zero
  ///   - least: what a value below all sizes becomes
  private static func number(
    _ x: Float, _ scale: Float, _ random: UInt32, dropped: UInt32, top: Int, least: Int
  ) -> UInt8 {
    guard x > 0, scale > 0 else { return 0 }
    let steps = (min(x / scale, 1).bitPattern + random << (dropped - 15)) >> dropped
    let number = Int(steps) - Int(Float(1).bitPattern >> dropped) + top
    return UInt8(min(max(number, least), top))
  }
}
