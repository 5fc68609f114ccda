package import Tensors
package import Weights

/// Residual block of the UNet and the VAE.
///
///     h = conv2(silu(norm2(conv1(silu(norm1(x))) + proj(silu(t)))))
///     y = shortcut(x) + h
///
/// Must match `diffusers.models.resnet.ResnetBlock2D`. Letters: docs/SHAPES.md.
package struct ResnetBlock2D {
  let norm1: GroupNorm
  let conv1: Conv2d
  let timeEmbProj: Linear?
  let norm2: GroupNorm
  let conv2: Conv2d
  let convShortcut: Conv2d?

  package init(
    _ w: WeightScope, from cIn: Int, to cOut: Int, time: Int?, groups: Int, eps: Float
  ) throws(WeightError) {
    norm1 = try GroupNorm(w / "norm1", channels: cIn, groups: groups, eps: eps)
    conv1 = try Conv2d(w / "conv1", from: cIn, to: cOut, kernel: 3, padding: Padding(1))
    timeEmbProj = if let time { try Linear(w / "time_emb_proj", from: time, to: cOut) } else { nil }
    norm2 = try GroupNorm(w / "norm2", channels: cOut, groups: groups, eps: eps)
    conv2 = try Conv2d(w / "conv2", from: cOut, to: cOut, kernel: 3, padding: Padding(1))
    convShortcut =
      if cIn == cOut { nil } else {
        try Conv2d(w / "conv_shortcut", from: cIn, to: cOut, kernel: 1)
      }
  }

  /// - Parameters:
  ///   - x: activations, `[B, H, W, Cin]`
  ///   - t: time embedding, `[B, D]`; `nil` in the VAE
  /// - Returns: activations, `[B, H, W, Cout]`
  package func callAsFunction(_ x: Tensor, t: Tensor?) -> Tensor {
    var h = conv1(norm1.silu(x))
    if let t, let timeEmbProj { h = h + timeEmbProj(silu(t)).perChannel }  // [B, 1, 1, Cout]
    h = conv2(norm2.silu(h))
    return (convShortcut?(x) ?? x) + h
  }
}
