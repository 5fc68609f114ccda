import Diffusion
import Tensors
import Testing

@Suite struct GuidanceTests {
  private let positive = Tensor([2], shape: [1, 1, 1])
  private let negative = Tensor([5], shape: [1, 1, 1])
  private let x = Tensor([1], shape: [1, 1, 1, 1])

  @Test func `the prediction moves from the negative prompt through the positive one`() {
    let guidance = Guidance(scale: 3, positive: positive, negative: negative)
    let found = guidance(x) { x, context in
      x * context.reshaped([context.shape[0], 1, 1, 1])
    }
    #expect(found.values == [5 + 3 * (2 - 5)])
  }

  @Test func `a scale of 1 asks the network once`() {
    var batches: [Int] = []
    let found = Guidance(scale: 1, positive: positive, negative: negative)(x) { x, context in
      batches.append(x.shape[0])
      return x * context.reshaped([context.shape[0], 1, 1, 1])
    }
    #expect(batches == [1])
    #expect(found.values == [2])
  }
}
