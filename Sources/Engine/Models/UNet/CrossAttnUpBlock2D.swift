package import Tensors
package import Weights

/// Residual blocks, each taking one skip and followed by a transformer, then an upsampler except at
/// the highest level.
///
/// Must match `diffusers.models.unets.unet_2d_blocks.CrossAttnUpBlock2D`.
package struct CrossAttnUpBlock2D: UNetUpBlock {
  let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]
  let upsampler: Upsample2D?

  /// - Parameter skips: channels of the skips, in the order they are taken
  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, skips: [Int], heads: Int, upsamples: Bool,
    _ widths: UNetWidths
  ) throws(WeightError) {
    var (resnets, attentions) = ([ResnetBlock2D](), [Transformer2DModel]())
    for (i, skip) in skips.enumerated() {
      resnets.append(
        try ResnetBlock2D(
          w / "resnets" / i, from: (i == 0 ? cIn : cOut) + skip, to: cOut, time: widths.time,
          groups: widths.groups, eps: widths.eps))
      attentions.append(
        try Transformer2DModel(
          w / "attentions" / i, channels: cOut, context: widths.context, heads: heads,
          groups: widths.groups, isLinear: widths.hasLinearProjections))
    }
    (self.resnets, self.attentions) = (resnets, attentions)
    upsampler = upsamples ? try Upsample2D(w / "upsamplers.0", channels: cOut) : nil
  }

  package func callAsFunction(
    _ x: Tensor, skips: inout [Tensor], _ given: UNetConditions
  ) -> Tensor {
    var x = x
    for (resnet, attention) in zip(resnets, attentions) {
      let joined = concatenated([x, skips.removeLast()], axis: -1)
      x = given.run(attention, given.run(resnet, joined))
    }
    return upsampler?(x) ?? x
  }
}
