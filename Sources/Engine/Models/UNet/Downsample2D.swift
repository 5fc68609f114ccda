package import Tensors
package import Weights

/// Halves a picture by a 3x3 convolution of stride 2.
///
/// The UNet pads every side by one; the VAE pads one row and column at bottom and right.
/// Must match `diffusers.models.downsampling.Downsample2D`.
package struct Downsample2D {
  let conv: Conv2d

  package init(_ w: WeightScope, channels: Int, padding: Padding) throws(WeightError) {
    conv = try Conv2d(
      w / "conv", from: channels, to: channels, kernel: 3, stride: 2, padding: padding)
  }

  /// - Parameter x: `[B, H, W, C]`
  /// - Returns: `[B, H/2, W/2, C]`
  package func callAsFunction(_ x: Tensor) -> Tensor { conv(x) }
}
