package import Tensors
package import Weights

/// Doubles a picture by repeating each pixel, then a 3x3 convolution.
///
/// Must match `diffusers.models.upsampling.Upsample2D`.
package struct Upsample2D {
  let conv: Conv2d

  package init(_ w: WeightScope, channels: Int) throws(WeightError) {
    conv = try Conv2d(w / "conv", from: channels, to: channels, kernel: 3, padding: Padding(1))
  }

  /// - Parameter x: `[B, H, W, C]`
  /// - Returns: `[B, 2H, 2W, C]`
  package func callAsFunction(_ x: Tensor) -> Tensor { conv(upsampleNearest2x(x)) }
}
