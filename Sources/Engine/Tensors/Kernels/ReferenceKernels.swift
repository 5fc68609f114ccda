/// The definition of every kernel: plain loops, sums in double precision, no cleverness.
/// One file per family. Slow; tests hold `FastKernels` and the ops against it.
package struct ReferenceKernels: Kernels {
  package init() {}
}

extension Operand {
  subscript(i: Int) -> Float {
    switch self {
    case .f32(let p): p[i]
    case .bf16(let p): Float(bitPattern: UInt32(p[i]) << 16)
    }
  }
}

extension ComputePrecision {
  /// What a product sees of `x`.
  func rounded(_ x: Float) -> Double {
    self == .f32 ? Double(x) : Double(Float(bitPattern: UInt32(bf16Bits(x)) << 16))
  }
}

/// Round to nearest even; NaN keeps its sign and becomes quiet.
func bf16Bits(_ x: Float) -> UInt16 {
  let bits = x.bitPattern
  if x.isNaN { return UInt16(bits >> 16) | 0x40 }
  return UInt16((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)
}
