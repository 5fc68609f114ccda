/// The counter-based generator Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
/// SC 2011). A draw is a function of (seed, purpose, step, index): no state exists that could be lost,
/// saved or disturbed.
package struct Philox: Equatable, Sendable {
  package let seed: UInt64

  package init(seed: UInt64) { self.seed = seed }

  /// The stream of numbers for one quantity. Two calls with the same arguments are the same draw.
  package func draw(_ purpose: Purpose, step: Int = 0, index: Int = 0) -> Draw {
    Draw(
      key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)),
      stream: (
        UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: step), purpose.rawValue
      ))
  }

  /// Ten rounds on one 128-bit counter.
  package static func block(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var (c0, c1, c2, c3) = counter
    var (k0, k1) = key
    for _ in 0..<10 {
      let a = UInt64(0xD251_1F53) &* UInt64(c0)
      let b = UInt64(0xCD9E_8D57) &* UInt64(c2)
      (c0, c1, c2, c3) = (
        UInt32(b >> 32) ^ c1 ^ k0, UInt32(truncatingIfNeeded: b),
        UInt32(a >> 32) ^ c3 ^ k1, UInt32(truncatingIfNeeded: a)
      )
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return (c0, c1, c2, c3)
  }
}

/// What a draw is for. Raw values are part of the format: adding one shifts no other.
package enum Purpose: UInt32, Sendable, CaseIterable {
  case initialization = 1
  case pretrainingData = 2
  case instanceOrder = 3
  case priorOrder = 4
  case instanceNoise = 5
  case priorNoise = 6
  case instanceTimestep = 7
  case priorTimestep = 8
  case latentSampling = 9
  case previewNoise = 10
  case classImageNoise = 11
  case samplerNoise = 12
  case flip = 13
  case conditioningDrop = 14
  case identifierChoice = 15
  case toyWorld = 16
  case test = 17
  case promptTemplate = 18
  case dropout = 19
  case instanceOffset = 20
  case priorOffset = 21
  case momentRounding = 22
}
