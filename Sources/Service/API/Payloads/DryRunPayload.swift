import Contract
import Foundation
import Jobs
import Storage

/// `POST /v1/jobs?dry_run=true`: what would happen, and what it would cost. Nothing is stored.
struct DryRunPayload: Encodable, Sendable {
  struct Disk: Encodable, Sendable {
    var neededBytes: Int
    var freeBytes: Int
  }

  struct Memory: Encodable, Sendable {
    var peakBytes: Int
    /// What the run does when it holds that much.
    var peakPhase: MemoryEstimate.Phase
    /// What this machine can give to a job.
    var machineBytes: Int
    var trainedValues: Int
  }

  struct Time: Encodable, Sendable {
    var seconds: Double
    var stepSeconds: Double
    /// Seconds of each phase, by its name in events.
    var phases: [String: Double]
    /// Jobs like this one on the same base model, whose steps were taken instead of the machine's rates.
    var measuredJobs: Int
  }

  struct Estimate: Encodable, Sendable {
    var memory: Memory
    var disk: Disk
    /// `null` if the machine could not be measured.
    var time: Null<Time>
  }

  var object = "dry_run"
  var accepted: Bool
  var resolvedConfig: ResolvedConfig
  var baseModel: BaseModelReference
  var images: [ImagePayload]
  var classImages: [ImagePayload]
  var estimate: Estimate

  init(_ asked: JobRequest, _ images: [DatasetImage], _ context: APIContext) async throws {
    let draft = asked.draft
    let rejected = images.count { $0.verdict == .rejected }
    accepted = draft.onRejectedImage == .skip ? rejected < images.count : rejected == 0
    resolvedConfig = ResolvedConfig(draft)
    baseModel = draft.baseModel
    (self.images, classImages) = images.payloads(dataset: nil)
    let root = context.stores.folder.root
    let shapes = BaseModelShapes(context.shelf.folder(asked.model.id))
    let memory = MemoryEstimate(
      draft.recipe, shapes, side: asked.side, budget: context.memory)
    let free = try await BlockingIO.run { try SystemDisk().freeBytes(at: root) }
    estimate = Estimate(
      memory: Memory(
        peakBytes: memory.peak, peakPhase: memory.peakPhase, machineBytes: context.memory,
        trainedValues: memory.trained),
      disk: Disk(
        neededBytes: memory.checkpointBytes * (draft.recipe.training.keepCheckpoints + 1)
          + asked.model.bytes, freeBytes: Int(free)),
      time: Null(try await Self.time(asked, shapes, memory, photos: images.count, context)))
  }

  private static func time(
    _ asked: JobRequest, _ shapes: BaseModelShapes, _ memory: MemoryEstimate, photos: Int,
    _ context: APIContext
  ) async throws -> Time? {
    let rates = await context.queue.machine.rates(
      instructionSet: context.engine.isa, isBusy: context.queue.isBusy)
    guard let rates else { return nil }
    let measured = try await measuredSteps(asked.draft, context)
    let time = TimeEstimate(
      asked.draft.recipe, shapes, memory, side: asked.side, photos: photos, rates,
      measuredStep: measured.isEmpty ? nil : measured[measured.count / 2])
    let phases = time.phases.map { ($0.key.rawValue, $0.value) }
    return Time(
      seconds: time.total, stepSeconds: time.step,
      phases: Dictionary(uniqueKeysWithValues: phases), measuredJobs: measured.count)
  }

  /// Seconds of a step in finished jobs that take the same steps, sorted.
  private static func measuredSteps(_ draft: JobDraft, _ context: APIContext) async throws
    -> [Double]
  {
    let page = try await context.stores.jobs.list(
      JobFilter(statuses: [.succeeded]), PageRequest(limit: 100))
    return page.items.filter {
      $0.baseModel == draft.baseModel && $0.recipe.stepShape == draft.recipe.stepShape
    }.compactMap { $0.progress?.stepMs }.map { Double($0.p50) / 1000 }.sorted()
  }
}

extension TrainingRecipe {
  /// The recipe without what a single step's time does not hang on.
  fileprivate var stepShape: TrainingRecipe {
    var shape = TrainingRecipe(classNoun: "")
    (shape.method, shape.trainTextEncoder, shape.lora) = (method, trainTextEncoder, lora)
    (shape.prior.enabled, shape.prior.source) = (prior.enabled, prior.source)
    shape.training.batchSize = training.batchSize
    shape.training.gradientAccumulation = training.gradientAccumulation
    shape.training.precision = training.precision
    shape.training.moments = training.moments
    shape.training.resolution = training.resolution
    return shape
  }
}
