import ArgumentParser
import Foundation
import Models
import Tensors
import Weights

/// Times the engine: one line for each step.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Times a forward pass, a full training step, the VAE's decoder or the text encoder.",
    discussion: """
      random:NAME makes random weights in memory: sd15, small or tiny. Times are in seconds, `size`
      is the side of the latents, `rss_gb` the peak of resident memory in 10^9 bytes.
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case forward, full
    case vaeDecode = "vae-decode"
    case textEncode = "text-encode"
  }

  @Argument(help: "forward, full, vae-decode or text-encode.")
  var mode: Mode
  @Option(help: "A folder in diffusers layout, or random:sd15, random:small, random:tiny.")
  var model: String
  @Option(help: "Side of the picture in pixels; the model's own size if absent.")
  var size: Int?
  @Option(help: "Pictures or texts at a time.")
  var batch = 1
  @Option(help: "Lines to print.")
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

  func run() throws {
    if let threads { ThreadTeam.use(threads) }
    let subject = try BenchSubject(model)
    let trains = mode == .full
    let dtype = trains ? .f32 : precision.dtype
    let philox = Philox(seed: 0)
    func normal(_ shape: Shape, _ index: Int) -> Tensor {
      philox.draw(.test, index: index).normal(shape)
    }
    switch mode {
    case .forward, .full:
      var unet = try subject.unet(dtype)
      unet.recomputesActivations = trains && subject.needsRecomputation
      let side = try subject.latentSide(size, multiple: unet.config.sideMultiple)
      let tokens = try subject.tokenCount()
      let (C, D) = (unet.config.inChannels, unet.config.crossAttentionDim)
      let zt = normal([batch, side, side, C], 0)
      let noise = normal([batch, side, side, unet.config.outChannels], 1)
      let context = normal([batch, tokens, D], 2)
      let t = philox.draw(.test, index: 3).integers(count: batch, below: 1000).map { Float($0) }
      guard trains else {
        return measure(side) { _ = unet(zt, t: t, context: context) }
      }
      let stepper = BenchStepper(unet.parameters)
      for _ in 0..<steps {
        let seconds = withPrecision(precision.compute) {
          stepper.step { meanSquaredError(unet(zt, t: t, context: context), noise) }
        }
        report(side, seconds)
      }
    case .vaeDecode:
      let vae = try subject.vae(dtype)
      let side = try subject.latentSide(size, multiple: 1)
      let z = normal([batch, side, side, vae.config.latentChannels], 0)
      measure(side) { _ = vae.decode(z) }
    case .textEncode:
      let text = try subject.text(dtype)
      let side = try subject.latentSide(size, multiple: 1)
      let ids = (0..<batch).map { row in
        philox.draw(.test, index: row).integers(
          count: text.config.maxPositionEmbeddings, below: text.config.vocabSize)
      }
      measure(side) { _ = text(ids) }
    }
  }

  private func measure(_ side: Int, _ body: () -> Void) {
    for _ in 0..<steps {
      let start = Stopwatch()
      withoutGradients { withPrecision(precision.compute, body) }
      report(side, ["total": start.seconds])
    }
  }

  private func report(_ side: Int, _ seconds: [String: Double]) {
    let times = ["forward", "backward", "optimiser", "total"]
      .compactMap { name in seconds[name].map { (name, String(format: "%.3f", $0)) } }
    let fields: [(String, String)] =
      [
        ("mode", "\"\(mode.rawValue)\""), ("dtype", "\"\(precision.rawValue)\""),
        ("batch", "\(batch)"), ("size", "\(side)"), ("threads", "\(ThreadTeam.size)"),
      ] + times + [("rss_gb", String(format: "%.2f", peakResidentGigabytes()))]
    if json {
      print("{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}")
    } else {
      print(fields.map { "\($0) \($1)" }.joined(separator: "  "))
    }
    fflush(nil)
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
