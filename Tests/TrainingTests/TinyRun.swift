import Contract
import Foundation
import Imaging
import TestSupport
import Training
import Weights

/// A whole training run on a tiny random model, with everything it says written down.
final class TinyRun {
  let folder: TemporaryFolder
  var order: WorkOrder
  private(set) var events: [WorkEvent] = []

  init(steps: Int = 4, _ change: (inout TrainingRecipe) -> Void = { _ in }) throws {
    folder = try TemporaryFolder()
    try TinyModel.write(to: folder.file("base"))
    try TinyModel.writeEncoderPair(to: folder.file("clip"))
    var recipe = TrainingRecipe(classNoun: "dog")
    (recipe.prior.images, recipe.prior.steps, recipe.prior.guidance) = (3, 2, 2)
    (recipe.training.steps, recipe.training.learningRate) = (steps, 1e-3)
    (recipe.training.checkpointEvery, recipe.training.seed) = (2, 42)
    (recipe.samples.every, recipe.samples.steps, recipe.samples.seeds) = (2, 2, [1, 2])
    recipe.samples.guidance = 2
    change(&recipe)
    var images: [WorkOrder.Picture] = []
    for k in 0..<3 {
      let file = folder.file("photo\(k).png")
      try Data(PNGEncoder.encode(Self.photo(k))).write(to: file)
      images.append(.init(id: "photo\(k)", file: file))
    }
    order = WorkOrder(
      jobId: "job_test", epoch: 1, recipe: recipe, images: images, baseModel: folder.file("base"),
      clipEncoder: folder.file("clip"), attemptFolder: folder.file("e1"),
      cacheFolder: folder.file("cache"),
      resumeFrom: nil, threads: 1)
  }

  static func photo(_ k: Int) -> PixelBuffer {
    var picture = PixelBuffer(width: 30, height: 20)
    for y in 0..<20 {
      for x in 0..<30 { picture[x, y] = RGB(UInt8(x * 8), UInt8(y * 12), UInt8(80 * k)) }
    }
    return picture
  }

  /// Runs the order in a folder of its own.
  @discardableResult
  func run(
    epoch: Int = 1, resumeFrom: URL? = nil,
    _ answer: (WorkEvent) -> WorkDirective = { _ in .continue }
  ) throws -> WorkEvent.Finished? {
    (order.epoch, order.attemptFolder, order.resumeFrom) = (
      epoch, folder.file("e\(epoch)"), resumeFrom
    )
    events = []
    return try PersonalizationEngine().run(order) {
      events.append($0)
      return answer($0)
    }
  }

  func attempt(_ epoch: Int, _ path: String) -> URL {
    folder.file("e\(epoch)").appending(path: path)
  }

  /// Digests of all files of an artifact, by name.
  static func digests(_ finished: WorkEvent.Finished?) -> [String: String] {
    let files = (finished?.artifacts ?? []).flatMap { artifact in
      artifact.files.map { ("\(artifact.format)/\($0.name)", $0.sha256) }
    }
    return Dictionary(uniqueKeysWithValues: files)
  }

  func report(_ epoch: Int) throws -> WorkReport {
    try ContractJSON.decoder().decode(
      WorkReport.self, from: Data(contentsOf: attempt(epoch, "report.json")))
  }

  func samples(_ epoch: Int) throws -> [String: Data] {
    let folder = attempt(epoch, "samples")
    return try Dictionary(
      uniqueKeysWithValues: FileManager.default.contentsOfDirectory(atPath: folder.path).map {
        ($0, try Data(contentsOf: folder.appending(path: $0)))
      })
  }

  var phases: [WorkEvent.Phase] {
    events.compactMap { if case .phase(let phase) = $0 { phase } else { nil } }
  }

  var steps: [StepMetrics] {
    events.compactMap { if case .step(let metrics) = $0 { metrics } else { nil } }
  }

  /// How often the run spoke of class pictures.
  var classImageEvents: Int {
    events.filter { if case .progress(.classImages, _, _) = $0 { true } else { false } }.count
  }

  /// Answers `directive` to the event of a step.
  static func at(_ step: Int, _ directive: WorkDirective) -> (WorkEvent) -> WorkDirective {
    { event in
      if case .step(let metrics) = event, metrics.step == step { directive } else { .continue }
    }
  }
}
