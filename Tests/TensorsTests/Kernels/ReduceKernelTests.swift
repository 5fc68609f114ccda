import Tensors
import Testing

@Suite struct ReduceKernelTests {
  static func cases(_ sizes: [Int]) -> [KernelCase] {
    let shapes =
      sizes.flatMap { n in [(1, n, 33), (3, n, 1), (2, n, 17), (3, 7, n), (n, 5, 3)] }
      + [(2, 5, 1030), (1, 9000, 48)]
    return shapes.map { (outer, middle, inner) in
      // Sixteen rows at a time are added in f32, so the error grows with the number of rows.
      KernelCase(
        "sum over the middle of [\(outer), \(middle), \(inner)]",
        tolerance: 2e-6 + 1e-9 * Float(middle)
      ) { kernels in
        let x = noise(outer * middle * inner, 1)
        return [
          written(outer * inner) {
            kernels.sumMiddle(x, $0, outer: outer, middle: middle, inner: inner)
          }
        ]
      }
    }
      + sizes.map { n in
        KernelCase("sum and sum of squares of \(n)") { kernels in
          let x = noise(n, 1)
          return [[Float(kernels.sum(x, count: n)), Float(kernels.sumOfSquares(x, count: n))]]
        }
      }
  }

  @Test("Fast sums match the reference", arguments: cases([1, 3, 17, 31, 33, 77, 70_001]))
  func matches(_ test: KernelCase) { test.expectFastMatchesReference() }

  @Test("A sum of many equal values has no drift")
  func noDrift() {
    let x = [Float](repeating: 0.1, count: 1_000_000)
    #expect(abs(FastKernels().sum(x, count: x.count) - Double(Float(0.1)) * 1e6) < 1e-6)
  }

  @Test(
    "One value that is not finite is found, wherever it is",
    arguments: [Float.nan, .infinity, -.infinity])
  func findsNonFinite(_ value: Float) {
    for n in [1, 17, 100, 70_001] {
      var x = noise(n, 1)
      for kernels: any Kernels in [ReferenceKernels(), FastKernels()] {
        #expect(kernels.allFinite(x, count: n))
      }
      for at in Set([0, n / 2, n - 1]) {
        let kept = x[at]
        x[at] = value
        #expect(!FastKernels().allFinite(x, count: n))
        #expect(!ReferenceKernels().allFinite(x, count: n))
        x[at] = kept
      }
    }
    #expect(FastKernels().allFinite([Float.greatestFiniteMagnitude], count: 1))
  }
}
