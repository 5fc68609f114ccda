package import Tensors
package import Weights

/// Residual blocks, then a downsampler except at the lowest level.
///
/// Must match `diffusers.models.unets.unet_2d_blocks.DownBlock2D`.
package struct DownBlock2D: UNetDownBlock {
  let resnets: [ResnetBlock2D]
  let downsampler: Downsample2D?

  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, layers: Int, downsamples: Bool,
    _ widths: UNetWidths
  ) throws(WeightError) {
    var resnets: [ResnetBlock2D] = []
    for i in 0..<layers {
      resnets.append(
        try ResnetBlock2D(
          w / "resnets" / i, from: i == 0 ? cIn : cOut, to: cOut, time: widths.time,
          groups: widths.groups, eps: widths.eps))
    }
    self.resnets = resnets
    downsampler =
      downsamples
      ? try Downsample2D(w / "downsamplers.0", channels: cOut, padding: Padding(1)) : nil
  }

  package func callAsFunction(
    _ x: Tensor, _ given: UNetConditions
  ) -> (Tensor, skips: [Tensor]) {
    var (x, skips) = (x, [Tensor]())
    for resnet in resnets {
      x = given.run(resnet, x)
      skips.append(x)
    }
    if let downsampler {
      x = downsampler(x)
      skips.append(x)
    }
    return (x, skips)
  }
}
