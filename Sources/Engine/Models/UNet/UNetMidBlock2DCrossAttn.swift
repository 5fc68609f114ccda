package import Tensors
package import Weights

/// The lowest level between the two arms: residual block, transformer, residual block.
///
/// Must match `diffusers.models.unets.unet_2d_blocks.UNetMidBlock2DCrossAttn` with one layer.
package struct UNetMidBlock2DCrossAttn {
  let resnet0: ResnetBlock2D
  let attention: Transformer2DModel
  let resnet1: ResnetBlock2D

  package init(
    _ w: WeightScope, channels: Int, heads: Int, _ widths: UNetWidths
  ) throws(WeightError) {
    resnet0 = try ResnetBlock2D(
      w / "resnets.0", from: channels, to: channels, time: widths.time, groups: widths.groups,
      eps: widths.eps)
    attention = try Transformer2DModel(
      w / "attentions.0", channels: channels, context: widths.context, heads: heads,
      groups: widths.groups, isLinear: widths.hasLinearProjections)
    resnet1 = try ResnetBlock2D(
      w / "resnets.1", from: channels, to: channels, time: widths.time, groups: widths.groups,
      eps: widths.eps)
  }

  /// - Parameter x: `[B, H, W, C]`
  /// - Returns: `[B, H, W, C]`
  package func callAsFunction(_ x: Tensor, _ given: UNetConditions) -> Tensor {
    given.run(resnet1, given.run(attention, given.run(resnet0, x)))
  }
}
