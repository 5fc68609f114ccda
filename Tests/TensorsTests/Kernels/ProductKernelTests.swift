import Tensors
import Testing

@Suite struct ProductKernelTests {
  static let matmulCases = matmulCases([
    (1, 1, 1, 1), (3, 17, 31, 1), (33, 77, 3, 1), (31, 1, 77, 3), (64, 48, 96, 1), (17, 33, 5, 40),
  ])
  /// Several blocks along every axis, with remainders: each operand is the shared one once. Sums of
  /// up to 2700 terms of size 1 round to 5e-5.
  static let largeCases =
    matmulCases([(130, 77, 1501, 1), (77, 200, 700, 1)], tolerance: 5e-5)
    + convCases(
      [
        ConvGeometry(
          B: 2, H: 9, W: 7, cIn: 301, cOut: 77, kh: 3, kw: 3, stride: 1, top: 1, left: 1, bottom: 1,
          right: 1),
        ConvGeometry(
          B: 1, H: 20, W: 40, cIn: 3, cOut: 5, kh: 20, kw: 20, stride: 20, top: 0, left: 0,
          bottom: 0, right: 0),
      ], tolerance: 5e-5)

  static func matmulCases(
    _ shapes: [(Int, Int, Int, Int)], tolerance: Float = 1e-5
  ) -> [KernelCase] {
    shapes.flatMap { (m, n, k, batch) in
      [(false, false), (false, true), (true, false), (true, true)].flatMap { (ta, tb) in
        [ComputePrecision.f32, .bf16].flatMap { precision in
          [(false, false), (true, false), (false, true), (true, true)].map { (bias, accumulate) in
            KernelCase(
              "\(batch) x [\(m), \(k)]\(ta ? "t" : "") [\(k), \(n)]\(tb ? "t" : "") \(precision)"
                + (bias ? " + bias" : "") + (accumulate ? " + C" : ""),
              tolerance: tolerance
            ) { kernels in
              let (a, b) = (noise(batch * m * k, 1), noise(batch * k * n, 2))
              let rowBias = noise(n, 3)
              return [
                written(noise(batch * m * n, 4)) { c in
                  a.withOperand { a in
                    b.withOperand { b in
                      rowBias.withUnsafeBufferPointer {
                        kernels.matmul(
                          a, transposeA: ta, b, transposeB: tb,
                          bias: bias ? $0.baseAddress : nil, c, m: m, n: n, k: k, batch: batch,
                          accumulate: accumulate, precision: precision)
                      }
                    }
                  }
                }
              ]
            }
          }
        }
      }
    }
  }

  @Test("Fast matrix products match the reference", arguments: matmulCases + largeCases)
  func matmul(_ test: KernelCase) { test.expectFastMatchesReference() }

  @Test(
    "Weights stored as bf16 give the product of their values",
    arguments: [ComputePrecision.f32, .bf16])
  func storedBF16(_ precision: ComputePrecision) {
    let (m, n, k) = (17, 33, 31)
    let (a, weight) = (noise(m * k, 1), bf16(noise(n * k, 2)))
    let results = [ReferenceKernels(), FastKernels()].map { (kernels: any Kernels) in
      written(m * n) { c in
        a.withOperand { a in
          weight.withUnsafeBufferPointer {
            guard let b = $0.baseAddress else { return }
            kernels.matmul(
              a, transposeA: false, .bf16(b), transposeB: true, bias: nil, c, m: m, n: n, k: k,
              batch: 1, accumulate: false, precision: precision)
          }
        }
      }
    }
    expectClose(results[1], results[0], 1e-5, "bf16 weight")
  }

  static let geometries: [ConvGeometry] = [
    ConvGeometry(
      B: 2, H: 9, W: 7, cIn: 17, cOut: 33, kh: 3, kw: 3, stride: 1, top: 1, left: 1, bottom: 1,
      right: 1),
    ConvGeometry(
      B: 3, H: 8, W: 8, cIn: 16, cOut: 32, kh: 3, kw: 3, stride: 2, top: 1, left: 1, bottom: 1,
      right: 1),
    ConvGeometry(
      B: 2, H: 8, W: 6, cIn: 3, cOut: 24, kh: 3, kw: 3, stride: 2, top: 0, left: 0, bottom: 1,
      right: 1),
    ConvGeometry(
      B: 1, H: 5, W: 5, cIn: 4, cOut: 8, kh: 3, kw: 3, stride: 1, top: 1, left: 1, bottom: 1,
      right: 1),
    ConvGeometry(
      B: 2, H: 5, W: 3, cIn: 31, cOut: 3, kh: 3, kw: 3, stride: 1, top: 1, left: 1, bottom: 1,
      right: 1),
    ConvGeometry(
      B: 2, H: 5, W: 3, cIn: 31, cOut: 48, kh: 1, kw: 1, stride: 1, top: 0, left: 0, bottom: 0,
      right: 0),
    ConvGeometry(
      B: 2, H: 6, W: 6, cIn: 8, cOut: 16, kh: 1, kw: 1, stride: 2, top: 0, left: 0, bottom: 0,
      right: 0),
    ConvGeometry(
      B: 1, H: 16, W: 16, cIn: 3, cOut: 20, kh: 8, kw: 8, stride: 8, top: 0, left: 0, bottom: 0,
      right: 0),
    ConvGeometry(
      B: 1, H: 1, W: 1, cIn: 1, cOut: 1, kh: 3, kw: 3, stride: 1, top: 1, left: 1, bottom: 1,
      right: 1),
    ConvGeometry(
      B: 4, H: 4, W: 4, cIn: 64, cOut: 96, kh: 3, kw: 3, stride: 1, top: 1, left: 1, bottom: 1,
      right: 1),
  ]

  static let convCases = convCases(geometries)

  static func convCases(
    _ geometries: [ConvGeometry], tolerance: Float = 1e-5
  ) -> [KernelCase] {
    geometries.flatMap { g in
      [ComputePrecision.f32, .bf16].flatMap { precision in
        [false, true].map { stored in
          let shape =
            "[\(g.B), \(g.H), \(g.W), \(g.cIn)] to \(g.cOut), \(g.kh)x\(g.kw) / \(g.stride)"
          return KernelCase(
            "\(shape) \(precision)\(stored ? " stored bf16" : "")", tolerance: tolerance
          ) {
            kernels in
            let (x, dy) = (
              noise(g.B * g.H * g.W * g.cIn, 1), noise(g.B * g.outH * g.outW * g.cOut, 2)
            )
            let (weight, bias) = (noise(g.cOut * g.cIn * g.kh * g.kw, 3), noise(g.cOut, 4))
            var dBias = noise(g.cOut, 5)
            return weight.withOperand(stored: stored) { w in
              [
                written(dy.count) { kernels.conv2d(x, w, bias: bias, $0, g, precision: precision) },
                written(dy.count) { kernels.conv2d(x, w, bias: nil, $0, g, precision: precision) },
                written(x.count) {
                  kernels.conv2dBackwardInput(dy, w, $0, g, precision: precision)
                },
                written(noise(weight.count, 6)) {
                  kernels.conv2dBackwardWeight(
                    x, dy, $0, &dBias, g, accumulate: true, precision: precision)
                },
                written(weight.count) {
                  kernels.conv2dBackwardWeight(
                    x, dy, $0, nil, g, accumulate: false, precision: precision)
                },
              ]
            } + [dBias]
          }
        }
      }
    }
  }

  @Test("Fast convolution and its gradients match the reference", arguments: convCases)
  func convolution(_ test: KernelCase) { test.expectFastMatchesReference() }
}

extension [Float] {
  func withOperand<R>(stored: Bool = false, _ body: (Operand) -> R) -> R {
    func f32(_ p: UnsafePointer<Float>) -> R { body(.f32(p)) }
    func bits(_ p: UnsafePointer<UInt16>) -> R { body(.bf16(p)) }
    return stored ? bits(bf16(self)) : f32(self)
  }
}
