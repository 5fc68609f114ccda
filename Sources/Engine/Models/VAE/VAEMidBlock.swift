package import Tensors
package import Weights

/// Residual block, attention, residual block. Must match `diffusers` `UNetMidBlock2D` in the VAE.
package struct VAEMidBlock {
  let resnet0: ResnetBlock2D
  let attention: VAEAttention
  let resnet1: ResnetBlock2D

  package init(_ w: WeightScope, channels: Int, groups: Int) throws(WeightError) {
    resnet0 = try ResnetBlock2D(
      w / "resnets.0", from: channels, to: channels, time: nil, groups: groups, eps: 1e-6)
    attention = try VAEAttention(w / "attentions.0", channels: channels, groups: groups)
    resnet1 = try ResnetBlock2D(
      w / "resnets.1", from: channels, to: channels, time: nil, groups: groups, eps: 1e-6)
  }

  /// - Parameter x: `[B, H, W, C]`
  /// - Returns: `[B, H, W, C]`
  package func callAsFunction(_ x: Tensor) -> Tensor {
    resnet1(attention(resnet0(x, t: nil)), t: nil)
  }
}
