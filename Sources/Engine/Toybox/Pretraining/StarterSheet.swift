import Contract
import Diffusion
import Imaging
import Models
import Tensors

/// A fixed set of prompts drawn from fixed noise, to watch a denoiser learn.
struct StarterSheet {
  let vae: AutoencoderKL
  let unet: UNet2DConditionModel
  let states: CaptionStates
  let scalingFactor: Float
  let schedule: NoiseSchedule

  private static let steps = 25
  private static let guidance: Float = 4

  /// First row with colour and scene, then class and scene, then the class alone.
  static let rows: [[String]] = [
    zip(ToyClass.allCases, ToyPalette.named).enumerated().map { i, pair in
      let scene = ToyScene.allCases[1 + i % 4]
      return ToyCaption.sentence(noun: pair.0.noun, color: pair.1.name, scene: scene)
    },
    zip(ToyClass.allCases, ToyPalette.named.reversed()).enumerated().map { i, pair in
      let scene = ToyScene.allCases[1 + (i + 2) % 4]
      return ToyCaption.sentence(noun: pair.0.noun, color: pair.1.name, scene: scene)
    },
    ToyClass.allCases.enumerated().map { i, toy in
      ToyCaption.sentence(
        noun: toy.noun, color: nil, scene: ToyScene.allCases[1 + (i + 1) % 4])
    },
    ToyClass.allCases.map { ToyCaption.sentence(noun: $0.noun, color: nil, scene: .plain) },
  ]

  static var prompts: [String] { rows.flatMap(\.self) }

  func draw(seed: UInt64) throws -> [[PixelBuffer]] {
    let side = unet.config.sampleSize ?? 16
    return Self.rows.enumerated().map { number, prompts in
      let shape: Shape = [prompts.count, side, side, unet.config.inChannels]
      let noise = Philox(seed: seed).draw(.previewNoise, index: number).normal(shape)
      let z = denoise(noise, prompts) / scalingFactor
      return ToyPictures.buffers(vae.decode(z))
    }
  }

  private func denoise(_ noise: Tensor, _ prompts: [String]) -> Tensor {
    let guidance = Guidance(
      scale: Self.guidance, positive: states.batch(prompts),
      negative: states.batch(prompts.map { _ in "" }))
    var sampler = makeSampler(.ddim, schedule, steps: Self.steps)
    var zt = noise
    for (i, t) in sampler.timesteps.enumerated() {
      let prediction = guidance(sampler.input(zt, at: i)) { x, context in
        unet(x, t: Array(repeating: t, count: x.shape[0]), context: context)
      }
      zt = sampler.step(i, zt, prediction: prediction) { Tensor.zeros(zt.shape) }
    }
    return zt
  }
}
