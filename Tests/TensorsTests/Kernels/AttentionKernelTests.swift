import Tensors
import Testing

@Suite struct AttentionKernelTests {
  static func softmaxCase(_ rows: Int, _ width: Int) -> KernelCase {
    KernelCase("softmax [\(rows), \(width)]") { kernels in
      let (x, dy) = (noise(rows * width, 1, scale: 20), noise(rows * width, 2))
      let y = written(x.count) { kernels.softmax(x, $0, rows: rows, width: width) }
      let dx = written(x.count) { kernels.softmaxBackward(y, dy, $0, rows: rows, width: width) }
      return [y, dx]
    }
  }

  static func attentionCase(
    _ B: Int, _ N: Int, _ T: Int, _ heads: Int, _ d: Int, causal: Bool = false,
    _ precision: ComputePrecision = .f32, scale: Float? = nil
  ) -> KernelCase {
    let g = AttentionGeometry(
      B: B, N: N, T: T, heads: heads, d: d, scale: scale ?? 1 / Float(d).squareRoot(),
      causal: causal)
    // In bf16 the fast kernel rounds probabilities and their gradients too: 2^-9 per operand.
    let name = "attention \(B)x\(heads), \(N) to \(T), width \(d)\(causal ? " causal" : "")"
    // A large scale turns the rounding of scores into relative error of probabilities.
    let f32Tolerance: Float = scale == nil ? 1e-5 : 1e-4
    return KernelCase("\(name) \(precision)", tolerance: precision == .f32 ? f32Tolerance : 3e-2) {
      kernels in
      let (queries, keys) = (B * N * heads * d, B * T * heads * d)
      let (q, k, v) = (noise(queries, 1, scale: 2), noise(keys, 2, scale: 2), noise(keys, 3))
      var lse = [Float](repeating: 0, count: B * heads * N)
      let o = written(queries) {
        kernels.attention(q, k, v, $0, logSumExp: &lse, g, precision: precision)
      }
      let dO = noise(queries, 4)
      var dk = [Float](repeating: .nan, count: keys)
      var dv = dk
      let dq = written(queries) {
        kernels.attentionBackward(
          q, k, v, o, logSumExp: lse, dO, dq: $0, dk: &dk, dv: &dv, g, precision: precision)
      }
      return [o, lse, dq, dk, dv]
    }
  }

  static let cases =
    [(1, 1), (3, 17), (31, 33), (77, 77), (5, 16), (700, 50)].map { softmaxCase($0, $1) }
    + [
      attentionCase(1, 1, 1, 1, 1), attentionCase(2, 3, 17, 2, 31),
      attentionCase(1, 33, 77, 3, 16), attentionCase(2, 49, 257, 2, 40),
      attentionCase(1, 100, 520, 1, 64), attentionCase(1, 17, 17, 2, 33, causal: true),
      attentionCase(1, 77, 77, 2, 64, causal: true), attentionCase(1, 300, 300, 1, 8, causal: true),
      attentionCase(1, 31, 77, 2, 32, .bf16), attentionCase(2, 130, 300, 2, 40, .bf16),
      attentionCase(1, 77, 77, 1, 33, causal: true, .bf16), attentionCase(1, 3, 1, 1, 1, .bf16),
      attentionCase(1, 20, 40, 1, 700), attentionCase(1, 20, 40, 1, 700, .bf16),
      attentionCase(1, 50, 600, 1, 16, scale: 9),
    ]

  @Test("Fast softmax and attention match the reference, forward and backward", arguments: cases)
  func matches(_ test: KernelCase) {
    test.expectFastMatchesReference()
  }

  @Test("Scores far beyond the range of exp stay finite")
  func largeScores() {
    let outputs = Self.attentionCase(1, 20, 300, 1, 16, scale: 1000).run(FastKernels())
    #expect(outputs.allSatisfy { $0.allSatisfy(\.isFinite) })
  }
}
