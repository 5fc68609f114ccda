import Contract
import Diffusion
import Imaging
import Tensors

/// Whether two models draw the same: one picture from the same seed, in few steps.
struct PictureCheck {
  private let prompt: String

  init(_ result: TunedResult) { prompt = result.trigger }

  /// - Throws: `.exportDiffers` if the pictures differ by more than 1/255 in the mean
  func requireEqual(_ live: StableDiffusion, _ reopened: StableDiffusion) throws {
    let (ours, theirs) = (try draw(live), try draw(reopened))
    let total = zip(ours.pixels, theirs.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
    let mean = Float(total) / Float(ours.pixels.count)
    guard mean <= 1 else {
      throw TrainingError.exportDiffers(
        key: "the picture of \"\(prompt)\", by \(mean)/255 in the mean")
    }
  }

  /// At the model's size, or at 256 pixels where that is smaller.
  private func draw(_ model: StableDiffusion) throws -> PixelBuffer {
    let multiple = model.sizeMultiple
    let side = max(min(model.nativeSize, 256) / multiple, 1) * multiple
    let settings = TextToImage.Settings(
      width: side, height: side, sampler: .ddim, steps: 4, guidance: 3)
    var denoising = try TextToImage.Denoising(
      model, prompts: [prompt], sources: [PictureSource(seed: 0)], settings)
    while denoising.next() != nil {}
    guard let picture = try denoising.pictures().first else {
      preconditionFailure("PictureCheck: a prompt gives a picture")
    }
    return picture
  }
}
