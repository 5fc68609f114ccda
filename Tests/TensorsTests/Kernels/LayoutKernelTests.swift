import Tensors
import Testing

@Suite struct LayoutKernelTests {
  static func permuteCase(_ shape: [Int], _ axes: [Int]) -> KernelCase {
    KernelCase("permute \(shape) by \(axes)", tolerance: 0) { kernels in
      let x = noise(shape.reduce(1, *), 1)
      return [written(x.count) { kernels.permute(x, shape: shape, axes: axes, $0) }]
    }
  }
  static let permuteCases = [
    permuteCase([7], [0]), permuteCase([3, 17], [0, 1]), permuteCase([1, 33], [1, 0]),
    permuteCase([31, 77], [1, 0]), permuteCase([3, 17, 31], [0, 2, 1]),
    permuteCase([3, 17, 31], [2, 1, 0]), permuteCase([3, 17, 31], [1, 0, 2]),
    permuteCase([2, 3, 17, 5], [0, 2, 1, 3]), permuteCase([2, 5, 6, 7], [0, 3, 1, 2]),
    permuteCase([2, 5, 6, 7], [0, 2, 3, 1]), permuteCase([2, 5, 1, 7], [3, 2, 0, 1]),
    permuteCase([4, 3, 2, 5, 3, 2], [5, 2, 0, 3, 1, 4]), permuteCase([300, 200], [1, 0]),
    permuteCase([2, 3, 4, 5, 6], [0, 2, 1, 4, 3]), permuteCase([64, 300, 48], [0, 2, 1]),
  ]

  static let tableCases: [KernelCase] = [1, 3, 17, 77, 1300].flatMap { width in
    [false, true].map { stored in
      KernelCase("rows of width \(width)\(stored ? " from bf16" : "")", tolerance: 0) { kernels in
        let ids = (0..<90).map { $0 * 7 % 11 }
        let (table, dy) = (noise(11 * width, 1), noise(ids.count * width, 2))
        return [
          written(dy.count) { y in
            table.withOperand(stored: stored) { kernels.gatherRows($0, ids: ids, y, width: width) }
          },
          written(noise(table.count, 3)) {
            kernels.scatterAddRows(dy, ids: ids, $0, width: width)
          },
        ]
      }
    }
  }

  static let pixelCases: [KernelCase] = [(1, 1, 1, 1), (2, 3, 5, 17), (3, 8, 8, 48)].flatMap {
    (B, H, W, C) in
    [
      KernelCase("upsample [\(B), \(H), \(W), \(C)]", tolerance: 1e-6) { kernels in
        let (x, dy) = (noise(B * H * W * C, 1), noise(4 * B * H * W * C, 2))
        return [
          written(dy.count) { kernels.upsample2x(x, $0, B: B, H: H, W: W, C: C) },
          written(x.count) { kernels.upsample2xBackward(dy, $0, B: B, H: H, W: W, C: C) },
        ]
      },
      KernelCase("copy \(B * H) rows of \(C) from \(C + 3)", tolerance: 0) { kernels in
        let x = noise(B * H * (C + 3), 1)
        return [
          written([Float](repeating: 0, count: B * H * (C + 5))) {
            kernels.copyRows(x, stride: C + 3, $0, stride: C + 5, rows: B * H, width: C)
          }
        ]
      },
    ]
  }

  @Test("Fast moves equal the reference", arguments: permuteCases + tableCases + pixelCases)
  func matches(_ test: KernelCase) { test.expectFastMatchesReference() }

  @Test("bf16 rounds to nearest even and keeps NaN, infinities and signed zero")
  func bf16Rounding() {
    let x: [Float] =
      [
        0, -0.0, 1, 1.00390625, 1.01171875, -1.0039064, .infinity, -.infinity, .nan, 3.3895314e38,
        1e-38,
      ]
      + noise(70_000, 1, scale: 1e3)
    var (fast, reference) = ([UInt16](repeating: 7, count: x.count), bf16(x))
    FastKernels().toBF16(x, &fast, count: x.count)
    #expect(fast == reference)
    #expect(
      Array(reference[0..<9]) == [
        0, 0x8000, 0x3f80, 0x3f80, 0x3f82, 0xbf81, 0x7f80, 0xff80, 0x7fc0,
      ])
    reference[8] = 0x3f80  // NaN is unequal to itself
    fast = reference
    let back = written(x.count) { FastKernels().fromBF16(fast, $0, count: x.count) }
    #expect(back == reference.map { Float(bitPattern: UInt32($0) << 16) })
  }

  @Test("Every f16 number becomes the f32 of the same value", arguments: InstructionSet.available)
  func f16(_ set: InstructionSet) {
    let x = (0...UInt16.max).map { $0 }
    let wide = set.run { written(x.count) { FastKernels().fromF16(x, $0, count: x.count) } }
    let right = written(x.count) { ReferenceKernels().fromF16(x, $0, count: x.count) }
    #expect(
      zip(wide, right).allSatisfy { $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN) })
  }

  @Test("f16 is written where it is told to, in either format")
  func f16Pieces() {
    let bits = (0..<1000).map { Float16($0) / 8 - 60 }.map(\.bitPattern)
    for dtype in [DType.f32, .bf16] {
      let tensor = Tensor.zeros([1003]).cast(to: dtype)
      bits.withUnsafeBufferPointer {
        tensor.write(f16: .init(rebasing: $0[..<333]), at: 2)
        tensor.write(f16: .init(rebasing: $0[333...]), at: 335)
      }
      let expected = Tensor([0, 0] + (0..<1000).map { Float($0) / 8 - 60 } + [0], shape: [1003])
      #expect(tensor.values == expected.cast(to: dtype).values)
    }
  }
}
