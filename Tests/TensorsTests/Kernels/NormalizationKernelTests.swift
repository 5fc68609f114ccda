import Tensors
import Testing

@Suite struct NormalizationKernelTests {
  static func groupNormCase(
    _ B: Int, _ P: Int, _ C: Int, _ groups: Int, shift: Float = 0, silu: Bool = false
  ) -> KernelCase {
    let norm = silu ? "group norm and silu" : "group norm"
    return KernelCase("\(norm) [\(B), \(P), \(C)] in \(groups), shift \(shift)", tolerance: 2e-5) {
      kernels in
      let g = GroupNormGeometry(B: B, P: P, C: C, groups: groups, eps: 1e-5, silu: silu)
      let (x, dy) = (noise(B * P * C, 1, shift: shift), noise(B * P * C, 2))
      let (weight, bias) = (noise(C, 3, shift: 1), noise(C, 4))
      let statistics = [Float](repeating: 0, count: B * groups)
      var (mean, rstd, dWeight, dBias) = (statistics, statistics, noise(C, 5), noise(C, 6))
      let y = written(x.count) {
        kernels.groupNorm(x, weight: weight, bias: bias, $0, mean: &mean, rstd: &rstd, g)
      }
      let dx = written(x.count) {
        kernels.groupNormBackward(
          x, weight: weight, bias: bias, mean: mean, rstd: rstd, dy, $0, dWeight: &dWeight,
          dBias: &dBias, g)
      }
      var alone = [Float](repeating: 0, count: C)
      kernels.groupNormBackward(
        x, weight: weight, bias: bias, mean: mean, rstd: rstd, dy, nil, dWeight: nil,
        dBias: &alone, g)
      return [y, mean, rstd, dx, dWeight, dBias, alone]
    }
  }

  static func layerNormCase(_ rows: Int, _ width: Int, shift: Float = 0) -> KernelCase {
    KernelCase("layer norm [\(rows), \(width)], shift \(shift)", tolerance: 2e-5) { kernels in
      let (x, dy) = (noise(rows * width, 1, shift: shift), noise(rows * width, 2))
      let (weight, bias) = (noise(width, 3, shift: 1), noise(width, 4))
      let statistics = [Float](repeating: 0, count: rows)
      var (mean, rstd, dWeight, dBias) = (statistics, statistics, noise(width, 5), noise(width, 6))
      let y = written(x.count) {
        kernels.layerNorm(
          x, weight: weight, bias: bias, $0, mean: &mean, rstd: &rstd, rows: rows, width: width,
          eps: 1e-5)
      }
      let dx = written(x.count) {
        kernels.layerNormBackward(
          x, weight: weight, mean: mean, rstd: rstd, dy, $0, dWeight: &dWeight, dBias: &dBias,
          rows: rows, width: width)
      }
      return [y, mean, rstd, dx, dWeight, dBias]
    }
  }

  static let cases =
    [
      groupNormCase(1, 1, 4, 1), groupNormCase(2, 17, 33, 3), groupNormCase(3, 77, 48, 16),
      groupNormCase(9, 31, 24, 8), groupNormCase(1, 3001, 64, 32), groupNormCase(8, 64, 80, 4),
      groupNormCase(2, 17, 33, 3, silu: true), groupNormCase(9, 31, 24, 8, silu: true),
      groupNormCase(1, 3001, 64, 32, silu: true),
    ] + [(1, 3), (3, 17), (31, 33), (77, 100), (600, 64)].map { layerNormCase($0, $1) }

  @Test("Fast normalisations and their gradients match the reference", arguments: cases)
  func matches(_ test: KernelCase) { test.expectFastMatchesReference() }

  @Test("A mean far above the spread costs group norm no accuracy beyond that of the input")
  func farMean() {
    // The values keep about 1e-7 * 50 of absolute accuracy, against a spread of 0.6.
    var test = Self.groupNormCase(2, 300, 32, 8, shift: 50)
    test.tolerance = 2e-4
    test.expectFastMatchesReference()
  }
}
