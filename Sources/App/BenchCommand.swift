import ArgumentParser
import Contract
import Diffusion
import Foundation
import Models
import Tensors
import Weights

/// Times the engine: one line for each step.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract:
      "Times the U-Net, a full training step, the VAE's decoder, the text encoder or a picture.",
    discussion: """
      random:NAME makes random weights in memory: sd15, small or tiny. Times are in seconds, `size`
      is the side of the latents, `rss_gb` the peak of resident memory in 10^9 bytes. `generate`
      prints a line for each of --steps sampler steps, and one for the whole picture.
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case forward, full
    case vaeDecode = "vae-decode"
    case textEncode = "text-encode"
    case generate
  }

  @Argument(help: "forward, full, vae-decode, text-encode or generate.")
  var mode: Mode
  @Option(help: "A folder in diffusers layout, or random:sd15, random:small, random:tiny.")
  var model: String
  @Option(help: "Side of the picture in pixels; the model's own size if absent.")
  var size: Int?
  @Option(help: "Pictures or texts at a time.")
  var batch = 1
  @Option(help: "Repetitions; sampler steps in generate.")
  var steps = 3
  @Option(help: "Threads to compute with; one for each processor if absent.")
  var threads: Int?
  @Option(help: "bf16 or f32: number format of the products, and of the weights where none train.")
  var precision: Precision = .bf16
  @Flag(help: "One JSON object for each step.")
  var json = false

  func validate() throws {
    guard batch > 0, steps > 0, (threads ?? 1) > 0, (size ?? 1) > 0 else {
      throw ValidationError("--batch, --steps, --threads and --size must be above 0")
    }
  }

  func run() throws { try UsageError.forInput(bench) }

  private func bench() throws {
    if let threads { ThreadTeam.use(threads) }
    let subject = try BenchSubject(model)
    switch mode {
    case .forward: try forward(subject)
    case .full: try full(subject)
    case .vaeDecode: try vaeDecode(subject)
    case .textEncode: try textEncode(subject)
    case .generate: try generate(subject)
    }
  }

  private func forward(_ subject: BenchSubject) throws {
    let unet = try subject.unet(precision.dtype)
    let given = try UNetInputs(subject, unet.config, size: size, batch: batch)
    measure(given.side) { _ = unet(given.zt, t: given.t, context: given.context) }
  }

  private func full(_ subject: BenchSubject) throws {
    var unet = try subject.unet(.f32)
    unet.recomputesActivations = subject.needsRecomputation
    let given = try UNetInputs(subject, unet.config, size: size, batch: batch)
    let stepper = BenchStepper(unet.parameters)
    for _ in 0..<steps {
      let seconds = withPrecision(precision.compute) {
        stepper.step {
          meanSquaredError(unet(given.zt, t: given.t, context: given.context), given.noise)
        }
      }
      report(given.side, seconds)
    }
  }

  private func vaeDecode(_ subject: BenchSubject) throws {
    let vae = try subject.vae(precision.dtype)
    let side = try subject.latentSide(size, multiple: 1)
    let z = Philox(seed: 0).draw(.test).normal([batch, side, side, vae.config.latentChannels])
    measure(side) { _ = vae.decode(z) }
  }

  private func textEncode(_ subject: BenchSubject) throws {
    let text = try subject.text(precision.dtype)
    let side = try subject.latentSide(size, multiple: 1)
    let ids = (0..<batch).map { row in
      Philox(seed: 0).draw(.test, index: row).integers(
        count: text.config.maxPositionEmbeddings, below: text.config.vocabSize)
    }
    measure(side) { _ = text(ids) }
  }

  /// One line for each sampler step (two U-Net passes, for guidance), one for whole pictures.
  private func generate(_ subject: BenchSubject) throws {
    let model = try subject.stableDiffusion(precision.dtype)
    let side = try subject.latentSide(size, multiple: model.unet.config.sideMultiple)
    let pixels = side * model.pixelsPerLatent
    let settings = TextToImage.Settings(
      width: pixels, height: pixels, sampler: .ddim, steps: steps, guidance: 7.5)
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

  private func measure(_ side: Int, _ body: () -> Void) {
    for _ in 0..<steps {
      let start = Stopwatch()
      withoutGradients { withPrecision(precision.compute, body) }
      report(side, ["total": start.seconds])
    }
  }

  private func report(_ side: Int, _ seconds: [String: Double], part: String? = nil) {
    let times = ["forward", "backward", "optimiser", "total"]
      .compactMap { name in seconds[name].map { (name, String(format: "%.3f", $0)) } }
    let fields: [(String, String)] =
      [
        ("mode", "\"\(mode.rawValue)\""), ("dtype", "\"\(precision.rawValue)\""),
        ("batch", "\(batch)"), ("size", "\(side)"), ("threads", "\(ThreadTeam.size)"),
      ] + (part.map { [("part", "\"\($0)\"")] } ?? []) + times + [
        ("rss_gb", String(format: "%.2f", peakResidentGigabytes()))
      ]
    if json {
      print("{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}")
    } else {
      print(fields.map { "\($0) \($1.filter { $0 != "\"" })" }.joined(separator: "  "))
    }
    fflush(nil)
  }
}

/// Random inputs of a U-Net, the same at every run.
private struct UNetInputs {
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
}

struct Stopwatch {
  private let start = ContinuousClock.now
  var seconds: Double {
    let (whole, fraction) = (ContinuousClock.now - start).components
    return Double(whole) + Double(fraction) * 1e-18
  }
}

private func peakResidentGigabytes() -> Double {
  var usage = rusage()
  getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
  return Double(usage.ru_maxrss) * 1024 / 1e9
}
