package import Tensors
package import Weights

/// Residual blocks, each followed by a transformer, then a downsampler except at the lowest level.
///
/// Must match `diffusers.models.unets.unet_2d_blocks.CrossAttnDownBlock2D`.
package struct CrossAttnDownBlock2D: UNetDownBlock {
  let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]
  let downsampler: Downsample2D?

  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, layers: Int, heads: Int, downsamples: Bool,
    _ widths: UNetWidths
  ) throws(WeightError) {
    var (resnets, attentions) = ([ResnetBlock2D](), [Transformer2DModel]())
    for i in 0..<layers {
      resnets.append(
        try ResnetBlock2D(
          w / "resnets" / i, from: i == 0 ? cIn : cOut, to: cOut, time: widths.time,
          groups: widths.groups, eps: widths.eps))
      attentions.append(
        try Transformer2DModel(
          w / "attentions" / i, channels: cOut, context: widths.context, heads: heads,
          groups: widths.groups, isLinear: widths.hasLinearProjections))
    }
    (self.resnets, self.attentions) = (resnets, attentions)
    downsampler =
      downsamples
      ? try Downsample2D(w / "downsamplers.0", channels: cOut, padding: Padding(1)) : nil
  }

  package func callAsFunction(
    _ x: Tensor, _ given: UNetConditions
  ) -> (Tensor, skips: [Tensor]) {
    var (x, skips) = (x, [Tensor]())
    for (resnet, attention) in zip(resnets, attentions) {
      x = given.run(attention, given.run(resnet, x))
      skips.append(x)
    }
    if let downsampler {
      x = downsampler(x)
      skips.append(x)
    }
    return (x, skips)
  }
}
