import Foundation
import Models
import Tensors

/// Trains the picture compressor on toys of any colour and pattern.
///
///     loss = |e| + 1/2 (|de/dx| + |de/dy|) + weight * KL,   e = decode(sample(encode(x))) - x
///
/// The differences of neighbours keep edges sharp, in the place of a perceptual network. KL is per latent
/// value and only bounds the latents.
struct AutoencoderStage {
  static let name = "autoencoder"
  private static let divergenceWeight: Float = 1e-3

  let workshop: StarterWorkshop

  /// - Returns: whether the stage is finished
  func run() throws -> Bool {
    if try workshop.isDone(Self.name) { return true }
    let plan = workshop.plan
    let vae = try AutoencoderKL.random(plan.sizes.vae(scalingFactor: 1), seed: plan.seed)
    let world = ToyGrammar(seed: plan.seed)
    let batch = plan.autoencoder.batch
    let run = StageRun(name: Self.name, stage: plan.autoencoder, workshop: workshop)
    let isFinished = try run.train(vae.parameters) { step in
      let first = (step - 1) * batch
      let x = pictures(first..<first + batch, of: world)
      let latents = vae.encode(x)
      let noise = Philox(seed: plan.seed).draw(.latentSampling, step: step).normal(
        latents.mean.shape)
      return Self.loss(of: vae.decode(latents.sample(noise: noise)), x, latents)
    } sample: { step in
      let x = pictures(Self.heldOut, of: world)
      let y = vae.decode(vae.encode(x).mean)
      let error = meanSquaredError(y, x).item
      workshop.log(String(format: "%@ held-out PSNR %.2f dB", Self.name, 10 * log10(4 / error)))
      try workshop.show(
        [ToyPictures.buffers(x), ToyPictures.buffers(y)], labels: ["picture", "decoded"],
        as: "\(Self.name)-\(step)")
    }
    if isFinished { try workshop.save(vae.parameters, as: Self.name) }
    return isFinished
  }

  /// Pictures that no step reaches.
  private static let heldOut = (1 << 28)..<(1 << 28) + 12

  private func pictures(_ indices: Range<Int>, of world: ToyGrammar) -> Tensor {
    let side = workshop.plan.sizes.side
    return ToyPictures.tensor(
      indices.map { ToyRenderer.render(world.anyExample($0).photo, side: side) })
  }

  /// - Parameters:
  ///   - y: decoded pictures, `[B, H, W, 3]`
  ///   - x: true pictures, `[B, H, W, 3]`
  /// - Returns: `[1]`
  private static func loss(of y: Tensor, _ x: Tensor, _ latents: DiagonalGaussian) -> Tensor {
    let e = y - x
    let (_, H, W, _) = e.shape4
    let across = e.slice(axis: 2, 1..<W) - e.slice(axis: 2, 0..<W - 1)
    let down = e.slice(axis: 1, 1..<H) - e.slice(axis: 1, 0..<H - 1)
    let perSample = Float(latents.mean.count / latents.mean.shape[0])
    return mean(abs(e)) + (mean(abs(across)) + mean(abs(down))) * 0.5
      + mean(latents.divergence) * (divergenceWeight / perSample)
  }
}
