package import Tensors
package import Weights

/// Residual blocks, each taking one skip, then an upsampler except at the highest level.
///
/// Must match `diffusers.models.unets.unet_2d_blocks.UpBlock2D`.
package struct UpBlock2D: UNetUpBlock {
  let resnets: [ResnetBlock2D]
  let upsampler: Upsample2D?

  /// - Parameter skips: channels of the skips, in the order they are taken
  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, skips: [Int], upsamples: Bool,
    _ widths: UNetWidths
  ) throws(WeightError) {
    var resnets: [ResnetBlock2D] = []
    for (i, skip) in skips.enumerated() {
      resnets.append(
        try ResnetBlock2D(
          w / "resnets" / i, from: (i == 0 ? cIn : cOut) + skip, to: cOut, time: widths.time,
          groups: widths.groups, eps: widths.eps))
    }
    self.resnets = resnets
    upsampler = upsamples ? try Upsample2D(w / "upsamplers.0", channels: cOut) : nil
  }

  package func callAsFunction(
    _ x: Tensor, skips: inout [Tensor], _ given: UNetConditions
  ) -> Tensor {
    var x = x
    for resnet in resnets {
      x = given.run(resnet, concatenated([x, skips.removeLast()], axis: -1))
    }
    return upsampler?(x) ?? x
  }
}
