package import Tensors

/// What a block of the UNet's two arms sees besides its activations.
package final class UNetConditions {
  /// Time embedding, `[B, D]`
  package let t: Tensor
  /// Text states, `[B, T, Dc]`
  package let context: Tensor
  private let recomputation: Recomputation
  private let census: LayerCensus?
  /// Number of the next layer.
  private var layer = 0

  package init(t: Tensor, context: Tensor, recomputation: Recomputation) {
    (self.t, self.context, self.recomputation, census) = (t, context, recomputation, nil)
  }

  init(t: Tensor, context: Tensor, census: LayerCensus) {
    (self.t, self.context, recomputation, self.census) = (t, context, .none, census)
  }

  func run(_ resnet: ResnetBlock2D, _ x: Tensor) -> Tensor {
    run([x, t]) { resnet($0[0], t: $0[1]) }
  }

  func run(_ transformer: Transformer2DModel, _ x: Tensor) -> Tensor {
    run([x, context]) { transformer($0[0], context: $0[1]) }
  }

  /// Runs a layer, with activation checkpointing if the plan says so.
  private func run(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
    defer { layer += 1 }
    if let census { return census.run(inputs, body) }
    return recomputation.includes(layer) ? recompute(inputs, body) : body(inputs)
  }
}

/// A block of the contracting arm.
package protocol UNetDownBlock {
  /// - Returns: the block's result and, in order, what the expanding arm will need: one for each
  ///   layer, one more for the downsampler
  func callAsFunction(_ x: Tensor, _ given: UNetConditions) -> (Tensor, skips: [Tensor])
}

/// A block of the expanding arm; takes its skips from the end of the list.
package protocol UNetUpBlock {
  func callAsFunction(_ x: Tensor, skips: inout [Tensor], _ given: UNetConditions) -> Tensor
}

/// Numbers that all blocks of one UNet share.
package struct UNetWidths {
  package let time: Int
  package let context: Int
  package let groups: Int
  package let eps: Float
  package let hasLinearProjections: Bool

  package init(time: Int, context: Int, groups: Int, eps: Float, hasLinearProjections: Bool) {
    (self.time, self.context, self.groups, self.eps) = (time, context, groups, eps)
    self.hasLinearProjections = hasLinearProjections
  }
}
