package import Diffusion
package import Imaging
import Models
package import Tensors

/// What the frozen VAE says of each picture, computed once: a normal distribution over latents. Each step
/// draws from it anew, as if the picture had been encoded again.
///
///     z = scale * (mean + deviation * noise)
package struct LatentCache {
  /// Each `[1, H, W, C]`.
  private let means: [Tensor]
  private let deviations: [Tensor]
  private let scale: Float

  package var count: Int { means.count }

  /// - Parameter onPicture: called after each picture
  package init(_ pictures: [PixelBuffer], _ model: StableDiffusion, onPicture: () throws -> Void)
    throws
  {
    var (means, deviations) = ([Tensor](), [Tensor]())
    for (i, picture) in pictures.enumerated() {
      let x = Tensor(picture.signed, shape: [1, picture.height, picture.width, 3])
      let latents = withoutGradients { model.vae.encode(x) }
      let deviation = withoutGradients { exp(latents.logvar * 0.5) }
      guard latents.mean.allFinite, deviation.allFinite else {
        throw TrainingError.unusableImage(id: "\(i)", reason: "its latents are not finite")
      }
      means.append(latents.mean)
      deviations.append(deviation)
      try onPicture()
    }
    (self.means, self.deviations, scale) = (means, deviations, model.vae.config.scalingFactor)
  }

  /// - Returns: scaled latents of one picture, `[1, H, W, C]`
  package func sample(_ picture: Int, _ draw: Draw) -> Tensor {
    let mean = means[picture]
    return (mean + deviations[picture] * draw.normal(mean.shape)) * scale
  }
}
