import Contract
import Foundation
import Tensors
import Weights

/// Weights, moments, average and step of a run, and their form on disk.
struct TrainingState {
  let trainer: Trainer
  private let recipe: TrainingRecipe
  private let identity: Checkpoint.Identity
  private let plan: MemoryPlan

  static let planFile = "memory.json"
  private static let weights = "weights.safetensors"
  private static let moments = "adamw.safetensors"
  /// Beside the moments: the gradient norm that the next update clips by.
  private static let norm = "gradient_norm"
  private static let average = "average.safetensors"

  /// - Parameter step: updates that the checkpoint to be restored has behind it
  init(
    _ recipe: TrainingRecipe, _ parameters: ParameterGroup, identity: Checkpoint.Identity,
    _ plan: MemoryPlan, startingAt step: Int
  ) throws {
    (self.recipe, self.plan) = (recipe, plan)
    self.identity = identity.merging(
      ["recipe": FileDigest.sha256(try ContractJSON.encoder().encode(recipe))]) { $1 }
    let t = recipe.training
    trainer = Trainer(
      parameters,
      Trainer.Settings(
        totalSteps: t.steps,
        learningRate: LearningRateSchedule(rate: t.learningRate, warmupSteps: t.warmupSteps),
        adam: AdamW.Settings(
          beta1: t.adamBeta1, beta2: t.adamBeta2, epsilon: t.adamEpsilon,
          weightDecay: t.weightDecay),
        maxGradientNorm: t.maxGradientNorm, accumulation: t.gradientAccumulation,
        emaDecay: t.emaDecay,
        compactMoments: t.moments == .f32 ? nil : Philox(seed: t.seed),
        gradients: plan.appliesGradientsAtOnce ? .applied : .kept),
      startingAt: step)
  }

  /// - Parameter previews: pictures drawn so far, kept along
  func write(in folder: URL, log: RunLog, previews: [URL]) throws -> Checkpoint {
    let entries = trainer.parameters.entries
    return try Checkpoint.write(
      step: trainer.step, identity: identity, in: folder, keep: recipe.training.keepCheckpoints
    ) { folder in
      try save(entries.map { ($0.key, $0.tensor) }, folder, Self.weights)
      var moments = SafetensorsWriter()
      trainer.optimizer.save(to: &moments)
      if let norm = trainer.carriedNorm { moments.add(Self.norm, Tensor([norm], shape: [1])) }
      try moments.write(to: folder.appendingPathComponent(Self.moments))
      if let average = trainer.average {
        try save(zip(entries, average.averages).map { ($0.key, $1) }, folder, Self.average)
      }
      try ContractJSON.encoder(pretty: true).encode(recipe)
        .write(to: folder.appendingPathComponent("recipe.json"))
      try ContractJSON.encoder(pretty: true).encode(plan)
        .write(to: folder.appendingPathComponent(Self.planFile))
      try log.data.write(to: folder.appendingPathComponent(RunLog.fileName))
      for file in previews {
        try FileManager.default.copyItem(
          at: file, to: folder.appendingPathComponent(file.lastPathComponent))
      }
    }
  }

  /// Puts weights, moments and average of a checkpoint of this very run in place.
  func restore(_ checkpoint: Checkpoint) throws {
    try checkpoint.require(identity)
    let entries = trainer.parameters.entries
    try load(entries.map { ($0.key, $0.tensor) }, checkpoint, Self.weights)
    try loadMoments(checkpoint)
    if let average = trainer.average {
      try load(zip(entries, average.averages).map { ($0.key, $1) }, checkpoint, Self.average)
    }
  }

  /// Takes the weights of another run's checkpoint as first values; moments and average begin anew.
  func begin(with checkpoint: Checkpoint) throws {
    for field in ["base model", "identifier"]
    where checkpoint.manifest.identity[field] != identity[field] {
      throw TrainingError.resumeIncompatible(
        field: field, checkpoint: checkpoint.manifest.identity[field] ?? "none",
        run: identity[field] ?? "none")
    }
    let entries = trainer.parameters.entries
    do {
      try load(entries.map { ($0.key, $0.tensor) }, checkpoint, Self.weights)
    } catch TrainingError.checkpointCorrupt(_, let reason) {
      throw TrainingError.invalidRecipe(
        parameter: "init_from", reason: "it holds the weights of another method or size: \(reason)")
    }
    trainer.average?.restart()
  }

  /// The weights that are sampled and exported: their average, if one is kept.
  func withFinalWeights<R>(_ body: () throws -> R) rethrows -> R {
    guard let average = trainer.average else { return try body() }
    return try average.inPlace(body)
  }

  private func loadMoments(_ checkpoint: Checkpoint) throws {
    let file = try SafetensorsFile(checkpoint.file(Self.moments))
    do throws(WeightError) {
      try trainer.optimizer.load(file)
      if trainer.settings.gradients == .applied {
        let norm = Tensor.zeros([1])
        try file.read(Self.norm, into: norm)
        trainer.carriedNorm = norm.item
      }
    } catch {
      if let code = SystemError.code(of: error), SystemError.isPassing(code) { throw error }
      throw TrainingError.checkpointCorrupt(
        folder: checkpoint.folder.lastPathComponent, reason: "\(Self.moments): \(error)")
    }
  }

  private func save(_ tensors: [(String, Tensor)], _ folder: URL, _ name: String) throws {
    var writer = SafetensorsWriter()
    for (key, tensor) in tensors { writer.add(key, tensor) }
    try writer.write(to: folder.appendingPathComponent(name))
  }

  private func load(_ tensors: [(String, Tensor)], _ checkpoint: Checkpoint, _ name: String) throws
  {
    let file = try SafetensorsFile(checkpoint.file(name))
    func corrupt(_ reason: String) -> TrainingError {
      .checkpointCorrupt(folder: checkpoint.folder.lastPathComponent, reason: "\(name): \(reason)")
    }
    guard file.keys.count == tensors.count else {
      throw corrupt("\(file.keys.count) tensors, the run has \(tensors.count)")
    }
    for (key, tensor) in tensors {
      guard file[key]?.shape == tensor.shape.dims else {
        throw corrupt("\(key) is missing or has another shape")
      }
      try file.read(key, into: tensor)
    }
  }
}
