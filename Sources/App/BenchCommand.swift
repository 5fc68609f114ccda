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
      "Times the U-Net, training steps, the VAE, the text encoder, loading or a whole picture.",
    discussion: """
      random:NAME makes random weights in memory: sd15, small or tiny. Times are in seconds, `size`
      is the side of the latents, `rss_gb` the peak of resident memory in 10^9 bytes. The training
      steps are those of a job, with one pair of latents and noise: `full` changes the whole U-Net,
      `lora` adapters of rank 8 on its attentions, `textual-inversion` one word, through a frozen
      text encoder; layers are computed twice where --memory asks for it. `load` opens the U-Net of a folder. `generate` draws with DPM++ 2M and guidance;
      it prints a line for each of --steps sampler steps, and one for the whole picture.
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case forward, full, lora
    case textualInversion = "textual-inversion"
    case vaeDecode = "vae-decode"
    case vaeEncode = "vae-encode"
    case textEncode = "text-encode"
    case load, generate
  }

  enum Moments: String, ExpressibleByArgument, CaseIterable {
    case f32
    case eightBit = "8bit"
  }

  @Argument(
    help: """
      forward, full, lora, textual-inversion, vae-decode, vae-encode, text-encode, load or generate.
      """)
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
  @Option(help: "f32 or 8bit: the optimizer's moments.")
  var moments: Moments = .f32
  @Option(help: "What a training step may take, in 10^9 bytes; most of what is free if absent.")
  var memory: Double?
  @Option(help: "The instruction set of the kernels; the best that the processor has if absent.")
  var instructionSet: InstructionSet = .current
  @Flag(help: "One JSON object for each step.")
  var json = false

  func validate() throws {
    guard InstructionSet.available.contains(instructionSet) else {
      throw ValidationError(
        "--instruction-set \(instructionSet.rawValue): this processor has "
          + InstructionSet.available.map(\.rawValue).joined(separator: ", "))
    }
    guard batch > 0, steps > 0, (threads ?? 1) > 0, (size ?? 1) > 0, (memory ?? 1) > 0
    else {
      throw ValidationError("--batch, --steps, --threads, --size and --memory must be above 0")
    }
  }

  func run() throws { try UsageError.forInput { try instructionSet.run(bench) } }

  private func bench() throws {
    if let threads { ThreadTeam.use(threads) }
    let subject = try BenchSubject(model)
    switch mode {
    case .forward: try forward(subject)
    case .full: try full(subject)
    case .lora: try lora(subject)
    case .textualInversion: try textualInversion(subject)
    case .vaeDecode: try vaeDecode(subject)
    case .vaeEncode: try vaeEncode(subject)
    case .textEncode: try textEncode(subject)
    case .load: try load(subject)
    case .generate: try generate(subject)
    }
  }

  func measure(_ side: Int, _ body: () -> Void) {
    for _ in 0..<steps {
      let start = Stopwatch()
      withoutGradients { withPrecision(precision.compute, body) }
      report(side, ["total": start.seconds])
    }
  }

  func report(
    _ side: Int, _ seconds: [String: Double], part: String? = nil, plan: MemoryPlan? = nil
  ) {
    let times = ["forward", "backward", "optimiser", "total"]
      .compactMap { name in seconds[name].map { (name, String(format: "%.3f", $0)) } }
    let fields: [(String, String)] =
      [
        ("mode", "\"\(mode.rawValue)\""), ("dtype", "\"\(precision.rawValue)\""),
        ("batch", "\(batch)"), ("size", "\(side)"), ("threads", "\(ThreadTeam.size)"),
        ("instruction_set", "\"\(InstructionSet.current.rawValue)\""),
      ] + (part.map { [("part", "\"\($0)\"")] } ?? [])
      + (plan?.fields ?? []) + times + [
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

extension MemoryPlan {
  fileprivate var fields: [(String, String)] {
    [
      ("recomputed_layers", "\(recomputedLayers.count)"),
      ("expected_gb", String(format: "%.2f", Double(expected) / 1e9)),
    ]
  }
}

extension InstructionSet: ExpressibleByArgument {}
