import Contract
import Diffusion
import Models
import Tensors

/// What `bench` times without training.
extension BenchCommand {
  func forward(_ subject: BenchSubject) throws {
    let unet = try subject.unet(precision.dtype)
    let given = try BenchInputs(subject, unet.config, size: size, batch: batch)
    measure(given.side) { _ = unet(given.zt, t: given.t, context: given.context) }
  }

  func vaeDecode(_ subject: BenchSubject) throws {
    let vae = try subject.vae(precision.dtype)
    let side = try subject.latentSide(size, multiple: 1)
    let z = Philox(seed: 0).draw(.test).normal([batch, side, side, vae.config.latentChannels])
    measure(side) { _ = vae.decode(z) }
  }

  func vaeEncode(_ subject: BenchSubject) throws {
    let vae = try subject.vae(precision.dtype)
    let side = try subject.latentSide(size, multiple: 1)
    let pixels = side * vae.config.sideMultiple
    let x = Philox(seed: 0).draw(.test).normal([batch, pixels, pixels, vae.config.inChannels])
    measure(side) { _ = vae.encode(x).mean }
  }

  func textEncode(_ subject: BenchSubject) throws {
    let text = try subject.text(precision.dtype)
    let side = try subject.latentSide(size, multiple: 1)
    let ids = BenchInputs.ids(text.config, batch: batch)
    measure(side) { _ = text(ids) }
  }

  /// From the file to a U-Net that can be called.
  func load(_ subject: BenchSubject) throws {
    guard subject.isFolder else {
      throw UsageError("load: --model names a folder; random weights lie in no file")
    }
    let side = try subject.latentSide(size, multiple: 1)
    for _ in 0..<steps {
      let start = Stopwatch()
      _ = try subject.unet(precision.dtype)
      report(side, ["total": start.seconds])
    }
  }

  /// One line for each sampler step (two U-Net passes, for guidance), one for whole pictures.
  func generate(_ subject: BenchSubject) throws {
    let model = try subject.stableDiffusion(precision.dtype)
    let side = try subject.latentSide(size, multiple: model.unet.config.sideMultiple)
    let pixels = side * model.pixelsPerLatent
    let settings = TextToImage.Settings(
      width: pixels, height: pixels, sampler: .dpmpp2m, steps: steps, guidance: 7.5)
    let whole = Stopwatch()
    try withPrecision(precision.compute) {
      var denoising = try TextToImage.Denoising(
        model, prompts: Array(repeating: "a photo of a dog", count: batch),
        sources: (0..<batch).map { PictureSource(seed: UInt64($0)) }, settings)
      var step = Stopwatch()
      while denoising.next() != nil {
        report(side, ["total": step.seconds], part: "step")
        step = Stopwatch()
      }
      _ = try denoising.pictures()
    }
    report(side, ["total": whole.seconds], part: "picture")
  }
}

/// Random inputs of a U-Net, the same at every run.
struct BenchInputs {
  let side: Int
  let zt: Tensor
  let noise: Tensor
  let context: Tensor
  let t: [Float]

  init(_ subject: BenchSubject, _ config: UNetConfig, size: Int?, batch: Int) throws {
    let philox = Philox(seed: 0)
    side = try subject.latentSide(size, multiple: config.sideMultiple)
    zt = philox.draw(.test, index: 0).normal([batch, side, side, config.inChannels])
    noise = philox.draw(.test, index: 1).normal([batch, side, side, config.outChannels])
    context = philox.draw(.test, index: 2).normal(
      [batch, try subject.tokenCount(), config.crossAttentionDim])
    t = philox.draw(.test, index: 3).integers(count: batch, below: 1000).map { Float($0) }
  }

  /// Token ids, a whole row for each text.
  static func ids(_ config: CLIPTextConfig, batch: Int) -> [[Int]] {
    (0..<batch).map { row in
      Philox(seed: 0).draw(.test, index: row).integers(
        count: config.maxPositionEmbeddings, below: config.vocabSize)
    }
  }
}
