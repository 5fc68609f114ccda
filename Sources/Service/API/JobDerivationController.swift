import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// Jobs made from jobs: the same once more, or with changes. Pictures are shared, not copied.
struct JobDerivationController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  /// A new job with the recipe and seed of one that has ended; final states stay final.
  @Sendable func retry(_ request: Request) async throws -> Response {
    try await derive(request) { job, fields in
      guard job.status.isFinal else {
        throw JobError.notFinal(id: job.id, status: job.status)
      }
      let from = try await checkpoint(fields, "from")
      if let from, from.jobId != job.id {
        fields.fault("from", "not_found", "is not a checkpoint of this job")
      }
      var draft = try await copy(of: job, fields)
      draft.retriedFrom = job.id
      draft.resumeFrom = from.map(source)
      return draft
    }
  }

  /// A new job with `set` laid over the request of this one; without changes, it gives the same bits.
  @Sendable func clone(_ request: Request) async throws -> Response {
    try await derive(request) { job, fields in
      let changes = fields.value("set") ?? .object([])
      _ = fields.object("set")
      let asksStart = fields.has("init_from")
      let start = try await checkpoint(fields, "init_from")
      if changes == .object([]), !asksStart {
        var draft = try await copy(of: job, fields)
        draft.clonedFrom = job.id
        return draft
      }
      fields.end()
      try fields.throwIfAny()
      var config = job.pinnedConfig.merged(with: changes)
      var found = job.start(context.stores)
      if asksStart {
        let named = start.map { JSONValue.Member(name: "checkpoint", value: .string($0.id)) }
        config = config.merged(
          with: .object([.init(name: "init_from", value: named.map { .object([$0]) } ?? .null)]))
      }
      if asksStart || changes["init_from"] != nil {
        found = try await InitFrom.find(in: config, context.stores)
      }
      var draft = try await changed(config, found, job)
      draft.clonedFrom = job.id
      return draft
    }
  }

  /// What both have in common: the body, the photos, the key, the answer.
  private func derive(
    _ request: Request, _ draft: (Job, FieldReader) async throws -> JobDraft
  ) async throws -> Response {
    try request.query.allow([])
    return try await IdempotencyHeader.guarding(request, context.stores) { header in
      let job = try await context.job(request)
      let body = try await request.jsonBody(context.limits) ?? .object([])
      let key = header?.key(for: body, [])
      if let key, let replay = try await context.replay(key) { return replay }
      let faults = Faults()
      let fields = FieldReader(body, at: "", faults)
      var made = try await draft(job, fields)
      fields.end()
      try faults.throwIfAny()
      guard let dataset = try await context.stores.datasets.find(job.datasetId),
        !dataset.kept.isEmpty
      else { throw JobError.photosUnavailable(id: job.id, status: job.status) }
      made.sharedDataset = dataset.id
      let images = dataset.photos.count
      return try await context.queue.submit(made, photos: [], idempotency: key) {
        try Response.jsonData(
          JobPayload($0, images: images, datasetSha256: dataset.sha256, queuePosition: nil))
      }.response()
    }
  }

  /// The same recipe to the last choice. A base model that has changed since would give other bits.
  private func copy(of job: Job, _ fields: FieldReader) async throws -> JobDraft {
    let model = try await context.shelf.find(job.baseModel.id)
    if model?.sha256 != job.baseModel.sha256 {
      throw Problem(
        .invalidRequest,
        "base model \(job.baseModel.id) is not what it was when job \(job.id) was accepted; restore "
          + "its files, or clone the job with {\"set\": {\"base_model\": …}}",
        errors: [
          .init(
            pointer: "/base_model", code: "base_model_changed", message: "has changed, or is gone")
        ])
    }
    if let model {
      try context.requireMemory(
        job.recipe, model: model.id, side: model.side(of: job.recipe))
    }
    var draft = JobDraft(
      config: job.config, recipe: job.recipe, baseModel: job.baseModel, build: context.build)
    draft.name = job.name
    draft.onRejectedImage = job.onRejectedImage
    draft.priority = job.priority
    draft.maxAttempts = job.maxAttempts
    draft.metadata = job.metadata
    draft.subjectImages = job.subjectImages
    draft.initFrom = job.start(context.stores)?.source
    return draft
  }

  private func changed(
    _ config: JSONValue, _ found: InitFrom.Found?, _ job: Job
  ) async throws -> JobDraft {
    var asked = try JobRequest(
      config, at: "/set",
      .init(models: try await context.shelf.list(), build: context.build, start: found))
    try context.requireMemory(asked.draft.recipe, model: asked.model.id, side: asked.side)
    if let dataset = try await context.stores.datasets.find(job.datasetId) {
      let (photos, classImages) = (dataset.photos, dataset.classImages)
      let faults = Faults()
      if asked.draft.recipe.prior.source == .uploaded {
        JobPictures.checkClassImages(classImages.count, asked.draft.recipe, faults)
      }
      JobPictures.checkSubjects(
        asked.draft.subjectImages, photos.map(\.fileName), classImages.map(\.fileName),
        asked.draft.recipe, faults)
      let rejected = dataset.images.first { $0.verdict == .rejected }
      if let rejected, asked.draft.onRejectedImage == .fail, job.onRejectedImage == .skip {
        faults.add(
          "/set/on_rejected_image", "images_rejected",
          "\(dataset.label(of: rejected)) of the photos was rejected")
      }
      try faults.throwIfAny()
      asked.take(classImages: classImages.count)
    }
    return asked.draft
  }

  private func checkpoint(_ fields: FieldReader, _ name: String) async throws -> Checkpoint? {
    guard let id = fields.string(name, RecipeLimits.nameLength) else { return nil }
    if Identifiers.isValid(id, .checkpoint),
      let checkpoint = try await context.stores.checkpoints.find(id)
    {
      return checkpoint
    }
    fields.fault(
      name, "not_found",
      "there is no such checkpoint; GET /v1/jobs/{id}/checkpoints lists those that are kept")
    return nil
  }

  private func source(_ checkpoint: Checkpoint) -> CheckpointSource {
    CheckpointSource(
      CheckpointReference(checkpoint),
      in: context.stores.folder.file(ofJob: checkpoint.jobId, checkpoint.folder))
  }
}

extension Job {
  /// The request as sent, with what the service chose in ways that another day would choose otherwise.
  fileprivate var pinnedConfig: JSONValue {
    let sent = (try? StrictJSON.parse(Data(config.utf8), source: "config")) ?? .object([])
    let training = JSONValue.object([.init(name: "seed", value: .number("\(seed)"))])
    return sent.merged(
      with: .object([
        .init(name: "base_model", value: .string(baseModel.id)),
        .init(name: "training", value: training),
      ]))
  }

  /// The checkpoint that it began with, in its own keeping.
  fileprivate func start(_ stores: Stores) -> InitFrom.Found? {
    initFrom.map {
      InitFrom.Found(CheckpointSource($0, in: stores.folder.initFrom(ofJob: id)), trainedBy: self)
    }
  }
}
