import Tensors
import Testing

/// One call of a kernel: its outputs under any implementation, and how far two may differ.
/// A tolerance t allows |a - b| <= t (1 + |b|): sums of f32 products against sums in double.
struct KernelCase: Sendable, CustomTestStringConvertible {
  var name: String
  var tolerance: Float
  var run: @Sendable (any Kernels) -> [[Float]]
  var testDescription: String { name }

  init(
    _ name: String, tolerance: Float = 2e-6, run: @escaping @Sendable (any Kernels) -> [[Float]]
  ) {
    (self.name, self.tolerance, self.run) = (name, tolerance, run)
  }

  /// On each instruction set that the processor has.
  func expectFastMatchesReference() {
    let expected = run(ReferenceKernels())
    for set in InstructionSet.available {
      let found = set.run { run(FastKernels()) }
      #expect(expected.count == found.count)
      for (output, (e, f)) in zip(expected, found).enumerated() {
        expectClose(f, e, tolerance, "\(name), output \(output) on \(set)")
      }
    }
  }
}

/// Element by element; reports the worst index with both values.
func expectClose(_ found: [Float], _ expected: [Float], _ tolerance: Float, _ what: String) {
  guard found.count == expected.count else {
    Issue.record("\(what): \(found.count) values, expected \(expected.count)")
    return
  }
  func excess(_ i: Int) -> Float {
    let (f, e) = (found[i], expected[i])
    if f == e || (f.isNaN && e.isNaN) { return 0 }
    let distance = abs(f - e) / (1 + abs(e))
    return distance.isNaN ? .infinity : distance
  }
  guard let worst = found.indices.max(by: { excess($0) < excess($1) }) else { return }
  if excess(worst) > tolerance {
    Issue.record("\(what): [\(worst)] is \(found[worst]), expected \(expected[worst])")
  }
}

/// Repeatable values, roughly uniform in [-scale, scale).
func noise(_ count: Int, _ seed: UInt64, scale: Float = 1, shift: Float = 0) -> [Float] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
  return (0..<count).map { _ in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (Float(state >> 40) / Float(1 << 23) - 1) * scale + shift
  }
}

/// What `body` writes to memory that begins as `initial`.
func written(_ initial: [Float], _ body: (MutableFloats) -> Void) -> [Float] {
  var values = initial + [0]
  values.withUnsafeMutableBufferPointer { if let p = $0.baseAddress { body(p) } }
  return Array(values.dropLast())
}

/// What `body` writes to `count` values; NaN where it writes nothing.
func written(_ count: Int, _ body: (MutableFloats) -> Void) -> [Float] {
  written([Float](repeating: .nan, count: count), body)
}

func bf16(_ values: [Float]) -> [UInt16] {
  var bits = [UInt16](repeating: 0, count: values.count)
  ReferenceKernels().toBF16(values, &bits, count: values.count)
  return bits
}
