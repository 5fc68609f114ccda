import ArgumentParser
import Contract
import Diffusion
import Foundation
import Models
import Tensors
import Training
import Weights

/// Measures how fast this machine computes, for the service's estimates of time; a few seconds.
struct RatesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rates", abstract: "Measures this machine for the estimates of a dry run.",
    shouldDisplay: false)

  @Option(help: "Where the figures go, as JSON.")
  var output: String
  @Option(help: "Threads to compute with; one for each processor if absent.")
  var threads: Int?

  private static let tokens = 77

  /// Blocks of the U-Nets and the VAE of Stable Diffusion, and of small models.
  private static let blocks: [(kind: BlockWork.Kind, width: Int, side: Int, batch: Int)] = [
    (.resnet, 64, 16, 8), (.resnet, 320, 64, 1), (.resnet, 640, 32, 1), (.resnet, 1280, 16, 1),
    (.resnet, 128, 256, 1),
    (.transformer, 64, 16, 8), (.transformer, 320, 64, 1), (.transformer, 640, 32, 1),
    (.transformer, 1280, 16, 1),
  ]

  func run() throws {
    if let threads { ThreadTeam.use(threads) }
    var points: [MachineRates.Point] = []
    for (kind, width, side, batch) in Self.blocks {
      let block = try MeasuredBlock(kind, width: width, side: side, batch: batch)
      // The VAE's widest pictures are never trained.
      let passes = side > 64 ? [.forward] : MachineRates.Pass.allCases
      for precision in Contract.Precision.allCases {
        for pass in passes {
          let rate = block.flopsPerSecond(pass, precision, tokens: Self.tokens)
          points.append(
            .init(kind, pass, precision, width: width, side: side, flopsPerSecond: rate))
        }
      }
    }
    let rates = MachineRates(
      points: points, optimizer: Self.optimizerRate(compact: nil),
      compactOptimizer: Self.optimizerRate(compact: Philox(seed: 0)))
    try AtomicFile.write(
      try ContractJSON.encoder().encode(rates), to: URL(fileURLWithPath: output))
  }

  /// Values that AdamW changes in a second.
  private static func optimizerRate(compact: Philox?) -> Double {
    let parameter = Tensor.zeros([4 << 20])
    parameter.isTrainable = true
    let optimizer = AdamW(
      ParameterGroup([(key: "w", tensor: parameter)]), compact: compact)
    let seconds = median(of: 3) {
      parameter.gradient = Tensor.full(parameter.shape, 1)
      let clock = Stopwatch()
      optimizer.update(step: 1, rate: 1e-6, gradientScale: 1)
      return clock.seconds
    }
    return Double(parameter.count) / seconds
  }
}

/// A block with random weights, and inputs for it.
private struct MeasuredBlock {
  private let work: BlockWork
  private let batch: Int
  private let x: Tensor
  private let parameters: ParameterList
  private let forward: (Tensor) -> Tensor

  init(_ kind: BlockWork.Kind, width: Int, side: Int, batch: Int) throws {
    let (philox, ledger) = (Philox(seed: 0), WeightLedger(random: Philox(seed: 0)))
    let context = philox.draw(.test, index: 1).normal([batch, 77, 768])
    let t = philox.draw(.test, index: 2).normal([batch, 4 * width])
    if kind == .resnet {
      let block = try ResnetBlock2D(
        ledger.root, from: width, to: width, time: 4 * width, groups: 32, eps: 1e-5)
      forward = { block($0, t: t) }
    } else {
      let block = try Transformer2DModel(
        ledger.root, channels: width, context: 768, heads: 8, groups: 32, isLinear: false)
      forward = { block($0, context: context) }
    }
    parameters = ledger.parameters
    let shapes = parameters.map { ($0.key, $0.tensor.shape.dims) }
    work = BlockWork(kind, side: side, shapes: Dictionary(uniqueKeysWithValues: shapes))
    x = philox.draw(.test).normal([batch, side, side, width])
    self.batch = batch
  }

  func flopsPerSecond(_ pass: MachineRates.Pass, _ precision: Contract.Precision, tokens: Int)
    -> Double
  {
    parameters.setTrainable(pass == .trained)
    x.isTrainable = pass != .forward
    defer {
      x.gradient = nil
      for parameter in parameters { parameter.tensor.gradient = nil }
    }
    let seconds = median(of: 3) {
      let clock = Stopwatch()
      withPrecision(precision.compute) {
        if pass == .forward {
          withoutGradients { _ = forward(x) }
        } else {
          sum(forward(x)).backward()
        }
      }
      return clock.seconds
    }
    return Double(batch) * work.flops(tokens: tokens) / seconds
  }
}

private func median(of count: Int, _ measure: () -> Double) -> Double {
  (0..<count).map { _ in measure() }.sorted()[count / 2]
}
