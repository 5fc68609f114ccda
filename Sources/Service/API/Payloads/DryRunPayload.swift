import Contract
import Foundation
import Storage

/// `POST /v1/jobs?dry_run=true`: what would happen, and what it would cost. Nothing is stored.
struct DryRunPayload: Encodable, Sendable {
  struct Disk: Encodable, Sendable {
    var neededBytes: Int
    var freeBytes: Int
  }

  struct Memory: Encodable, Sendable {
    /// Weights, gradients and optimizer; pictures and activations come on top.
    var atLeastBytes: Int
    var machineBytes: Int
    var trainedValues: Int
  }

  struct Time: Encodable, Sendable {
    var p50Seconds: Double
    var p90Seconds: Double
    /// Jobs on the same base model, whose measured steps this is worked out from.
    var measuredJobs: Int
  }

  struct Estimate: Encodable, Sendable {
    var memory: Memory
    var disk: Disk
    /// `null` until a job on this base model has been measured here.
    var trainingTime: Null<Time>
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
    let memory = MemoryEstimate(draft.recipe, context.shelf.folder(asked.model.id))
    let free = try await BlockingIO.run { try SystemDisk().freeBytes(at: root) }
    estimate = Estimate(
      memory: Memory(
        atLeastBytes: memory.lowerBound, machineBytes: context.memory,
        trainedValues: memory.trained),
      disk: Disk(
        neededBytes: memory.checkpointBytes * (draft.recipe.training.keepCheckpoints + 1)
          + asked.model.bytes, freeBytes: Int(free)),
      trainingTime: Null(try await Self.time(draft, context)))
  }

  private static func time(_ draft: JobDraft, _ context: APIContext) async throws -> Time? {
    let page = try await context.stores.jobs.list(
      JobFilter(statuses: [.succeeded]), PageRequest(limit: 100))
    let measured = page.items.filter {
      $0.baseModel == draft.baseModel
        && $0.recipe.method == draft.recipe.method
        && $0.recipe.training.batchSize == draft.recipe.training.batchSize
        && $0.recipe.training.gradientAccumulation == draft.recipe.training.gradientAccumulation
        && $0.recipe.prior.enabled == draft.recipe.prior.enabled
        && $0.recipe.prior.source == draft.recipe.prior.source
        && $0.recipe.trainTextEncoder == draft.recipe.trainTextEncoder
    }.compactMap(\.progress?.stepMs)
    guard !measured.isEmpty else { return nil }
    let steps = Double(draft.recipe.training.steps) / 1000
    let p50 = measured.map(\.p50).sorted()[measured.count / 2]
    return Time(
      p50Seconds: Double(p50) * steps, p90Seconds: Double(measured.map(\.p90).max() ?? p50) * steps,
      measuredJobs: measured.count)
  }
}
