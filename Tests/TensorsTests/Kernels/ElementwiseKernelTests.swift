import Tensors
import Testing

@Suite struct ElementwiseKernelTests {
  static let counts = [1, 3, 15, 16, 17, 31, 33, 77, 8193, 40_003]

  static func cases(_ counts: [Int]) -> [KernelCase] {
    counts.flatMap { n in unaryCases(n) + binaryCases(n) + scalingCases(n) }
  }

  static func unaryCases(_ n: Int) -> [KernelCase] {
    UnaryFunction.allCases.map { f in
      KernelCase("\(f) \(n)") { kernels in
        let positive = [.log, .sqrt, .reciprocal].contains(f)
        let x = noise(n, 1, scale: positive ? 2 : 8, shift: positive ? 2.5 : 0)
        let dy = noise(n, 2)
        return [
          written(n) { kernels.unary(f, x, $0, count: n) },
          written(n) { kernels.unaryBackward(f, x, dy, $0, count: n) },
        ]
      }
    }
  }

  static func binaryCases(_ n: Int) -> [KernelCase] {
    BinaryOperation.allCases.flatMap { op in
      [
        KernelCase("\(op) \(n)") { kernels in
          let (a, b) = (noise(n, 1), noise(n, 2, shift: 2.5))
          return [written(n) { kernels.binary(op, a, b, $0, count: n) }]
        }
      ]
        + [(2, n, 1), (3, 5, n), (n, 3, 2)].map { (outer, middle, inner) in
          KernelCase("\(op) broadcast [\(outer), \(middle), \(inner)]") { kernels in
            let a = noise(outer * middle * inner, 1)
            let b = noise(outer * inner, 2, shift: 2.5)
            return [
              written(a.count) {
                kernels.broadcast(op, a, b, $0, outer: outer, middle: middle, inner: inner)
              }
            ]
          }
        }
    }
  }

  static func gatedCases(_ n: Int) -> [KernelCase] {
    [false, true].map { stored in
      KernelCase("geglu [3, \(n)]\(stored ? ", in bf16" : "")") { kernels in
        let (x, dy) = (noise(6 * n, 1, scale: 3), noise(3 * n, 2))
        return x.withOperand(stored: stored) { x in
          [
            written(3 * n) { kernels.geglu(x, $0, rows: 3, width: n) },
            written(6 * n) { kernels.gegluBackward(x, dy, $0, rows: 3, width: n) },
          ]
        }
      }
    }
  }

  static func scalingCases(_ n: Int) -> [KernelCase] {
    gatedCases(n) + [
      KernelCase("affine and accumulate \(n)") { kernels in
        let x = noise(n, 1)
        return [
          written(n) { kernels.affine(x, $0, scale: 0.3, shift: -2, count: n) },
          written(noise(n, 2)) { kernels.accumulate(x, scale: -0.7, into: $0, count: n) },
        ]
      },
      KernelCase("AdamW in 8 bits \(n)", tolerance: 1e-5) { kernels in
        // Three updates: values, and what the codes stand for. A number that lies on the edge between two sizes may
        // fall on either side, so codes are compared by the mean of what they stand for.
        var (m, v) = ([UInt8](repeating: 0, count: n), [UInt8](repeating: 0, count: n))
        var scales = [Float](repeating: 0, count: 2 * ((n + 255) / 256))
        let p = written(noise(n, 5)) { p in
          for step in 1...3 {
            kernels.adamW(
              p, noise(n, UInt64(step), scale: 1e-2), codes: &m, &v, scales: &scales, count: n,
              AdamWStep(
                learningRate: 1e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01,
                correction1: 0.1, correction2: 0.001, gradientScale: 0.7),
              rounding: Philox(seed: 3).draw(.momentRounding, step: step, index: n))
          }
        }
        let share = 1 / Float(n)
        let means = [
          (0..<n).reduce(0) { $0 + share * MomentCode.m(m[$1], scale: scales[$1 / 256 * 2]) },
          (0..<n).reduce(0) { $0 + share * MomentCode.v(v[$1], scale: scales[$1 / 256 * 2 + 1]) },
        ]
        return [p, scales, means]
      },
      KernelCase("AdamW \(n)") { kernels in
        let step = AdamWStep(
          learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.02,
          correction1: 0.19, correction2: 0.002, gradientScale: 0.5)
        let gradient = noise(n, 1)
        var (m, v) = (noise(n, 2), noise(n, 3, scale: 0.4, shift: 0.5))
        let p = written(noise(n, 4)) {
          kernels.adamW($0, gradient, m: &m, v: &v, count: n, step)
        }
        return [p, m, v]
      },
    ]
  }

  @Test("Fast elementwise kernels match the reference", arguments: cases(counts))
  func matches(_ test: KernelCase) { test.expectFastMatchesReference() }

  @Test(
    "Saturated activations keep their limits",
    arguments: [UnaryFunction.silu, .gelu, .quickGelu, .sigmoid, .exp])
  func limits(_ f: UnaryFunction) {
    let x: [Float] = [-200, -90, -30, -1e-6, 0, 1e-6, 30, 88, 200]
    for (i, value) in x.enumerated() where !(f == .exp && value > 88) {
      let fast = written(1) { FastKernels().unary(f, [value], $0, count: 1) }
      let reference = written(1) { ReferenceKernels().unary(f, [value], $0, count: 1) }
      expectClose(fast, reference, 1e-6, "\(f)(\(x[i]))")
    }
    #expect(written(1) { FastKernels().unary(.exp, [200], $0, count: 1) } == [.infinity])
  }

  @Test("A NaN never becomes a number", arguments: UnaryFunction.allCases)
  func keepsNaN(_ f: UnaryFunction) {
    for n in [1, 16, 21] {
      let x = [Float](repeating: .nan, count: n)
      let y = written([Float](repeating: 0, count: n)) { FastKernels().unary(f, x, $0, count: n) }
      #expect(y.allSatisfy { $0.isNaN }, "\(f)")
    }
  }

  @Test("exp and the normal distribution are good to a few units in the last place")
  func relativeError() {
    let x = noise(4096, 9, scale: 80)
    let fast = written(x.count) { FastKernels().unary(.exp, x, $0, count: x.count) }
    let reference = written(x.count) { ReferenceKernels().unary(.exp, x, $0, count: x.count) }
    let worst = zip(fast, reference).map { abs($0 / $1 - 1) }.max() ?? 0
    #expect(worst < 3e-7)
  }
}
