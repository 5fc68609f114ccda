import Tensors
import Testing

@Suite(.serialized) struct ThreadTeamTests {
  static let ownCases =
    ElementwiseKernelTests.cases([70_001]) + ReduceKernelTests.cases([70_001])
    + LayoutKernelTests.permuteCases + LayoutKernelTests.tableCases + LayoutKernelTests.pixelCases
    + ProductKernelTests.matmulCases + ProductKernelTests.convCases
    + ProductKernelTests.largeCases
    + [
      NormalizationKernelTests.groupNormCase(9, 256, 48, 16),
      NormalizationKernelTests.groupNormCase(1, 4099, 40, 8),
      NormalizationKernelTests.groupNormCase(1, 4099, 40, 8, silu: true),
      NormalizationKernelTests.layerNormCase(1500, 77),
      AttentionKernelTests.softmaxCase(700, 77),
      AttentionKernelTests.attentionCase(3, 100, 300, 3, 40),
      AttentionKernelTests.attentionCase(1, 500, 100, 1, 24, causal: true),
    ]

  @Test("Kernels give the same bits on 1, 2, 4 and 7 threads", arguments: ownCases)
  func sameBits(_ test: KernelCase) {
    defer { ThreadTeam.use(0) }
    let results = [1, 2, 4, 7].map { threads in
      ThreadTeam.use(threads)
      return test.run(FastKernels()).map { $0.map(\.bitPattern) }
    }
    #expect(results.dropFirst().allSatisfy { $0 == results[0] })
  }

  @Test("The team takes the size it is given")
  func description() {
    ThreadTeam.use(3)
    #expect(ThreadTeam.size == 3)
    ThreadTeam.use(0)
    #expect(ThreadTeam.size >= 1)
  }
}
