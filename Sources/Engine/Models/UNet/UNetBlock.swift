package import Tensors

/// What a block of the UNet's two arms sees besides its activations.
package struct UNetConditions {
  /// Time embedding, `[B, D]`
  package let t: Tensor
  /// Text states, `[B, T, Dc]`
  package let context: Tensor
  /// Keeps only the inputs of each layer for the backward pass and runs the layer again there.
  package let recomputes: Bool

  package init(t: Tensor, context: Tensor, recomputes: Bool) {
    (self.t, self.context, self.recomputes) = (t, context, recomputes)
  }

  /// Runs a layer, with activation checkpointing if asked for.
  func run(_ resnet: ResnetBlock2D, _ x: Tensor) -> Tensor {
    guard recomputes else { return resnet(x, t: t) }
    return recompute([x, t]) { resnet($0[0], t: $0[1]) }
  }

  func run(_ transformer: Transformer2DModel, _ x: Tensor) -> Tensor {
    guard recomputes else { return transformer(x, context: context) }
    return recompute([x, context]) { transformer($0[0], context: $0[1]) }
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
