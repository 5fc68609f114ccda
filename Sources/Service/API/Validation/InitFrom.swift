import Contract
import Foundation
import Storage

/// `init_from`: the checkpoint whose trained weights are the first values of a job.
enum InitFrom {
  struct Found: Sendable {
    let source: CheckpointSource
    /// The recipe that trained it, and on what.
    let recipe: TrainingRecipe
    let baseModel: BaseModelReference

    init(_ source: CheckpointSource, trainedBy job: Job) {
      self.source = source
      recipe = job.recipe
      baseModel = job.baseModel
    }
  }

  /// Looks up what a request names; what it names wrongly is found at its validation.
  static func find(in request: JSONValue, _ stores: Stores) async throws -> Found? {
    guard case .object(let members)? = request["init_from"] else { return nil }
    for member in members {
      guard case .string(let id) = member.value else { continue }
      if member.name == "checkpoint", Identifiers.isValid(id, .checkpoint) {
        return try await find(try await stores.checkpoints.find(id), stores)
      }
      if member.name == "job", Identifiers.isValid(id, .job) {
        return try await find(try await stores.checkpoints.list(ofJob: id).first, stores)
      }
    }
    return nil
  }

  private static func find(_ checkpoint: Checkpoint?, _ stores: Stores) async throws -> Found? {
    guard let checkpoint, let job = try await stores.jobs.find(checkpoint.jobId) else { return nil }
    let folder = stores.folder.file(ofJob: job.id, checkpoint.folder)
    return Found(CheckpointSource(CheckpointReference(checkpoint), in: folder), trainedBy: job)
  }

  static func read(
    _ fields: FieldReader, _ found: Found?, _ recipe: TrainingRecipe, _ model: ModelShelf.Model?
  ) -> CheckpointSource? {
    guard fields.value("init_from") != nil else { return nil }
    let source = fields.object("init_from")
    let named = ["job", "checkpoint"].filter { source.string($0, RecipeLimits.nameLength) != nil }
    source.end()
    guard named.count == 1 else {
      fields.fault(
        "init_from", "required", "names either a job or a checkpoint, as {\"job\":\"job_…\"}")
      return nil
    }
    guard let found else {
      fields.fault(
        "init_from", "not_found",
        named == ["job"]
          ? "there is no such job, or it has no verified checkpoint"
          : "there is no such checkpoint; GET /v1/jobs/{id}/checkpoints lists those that are kept")
      return nil
    }
    for (path, theirs, ours) in differences(found, recipe, model) {
      fields.fault(
        path: path, "differs",
        "the checkpoint of init_from was trained with \(theirs), this job has \(ours)"
      )
    }
    return found.source
  }

  /// What must be equal for trained weights to fit.
  private static func differences(
    _ found: Found, _ recipe: TrainingRecipe, _ model: ModelShelf.Model?
  ) -> [(path: [String], theirs: String, ours: String)] {
    let (a, b) = (found.recipe, recipe)
    func base(_ id: String, _ sha256: String) -> String { "\(id) (\(sha256.prefix(12)))" }
    var pairs = [
      (["method", "type"], a.method.rawValue, b.method.rawValue),
      (["method", "train_text_encoder"], "\(a.trainTextEncoder)", "\(b.trainTextEncoder)"),
    ]
    if let model {
      let reference = found.baseModel
      pairs.append(
        (
          ["base_model"], base(reference.id, reference.sha256), base(model.id, model.sha256)
        ))
    }
    if a.method == b.method, a.method.trainsAdapters {
      func targets(_ lora: TrainingRecipe.LoRA) -> String {
        lora.targets.map(\.rawValue).sorted().joined(separator: ", ")
      }
      pairs += [
        (["method", "rank"], "rank \(a.lora.rank)", "rank \(b.lora.rank)"),
        (["method", "targets"], targets(a.lora), targets(b.lora)),
        (["method", "dora"], "dora \(a.lora.dora)", "dora \(b.lora.dora)"),
      ]
    }
    if a.method == b.method, a.method.trainsVectors {
      pairs += [
        (["method", "vectors"], "\(a.embedding.vectors) vectors", "\(b.embedding.vectors)"),
        (["subjects"], "\(a.subjects.count) subjects", "\(b.subjects.count)"),
      ]
    }
    return pairs.filter { $0.1 != $0.2 }
  }
}
