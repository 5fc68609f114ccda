import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// `POST /v1/jobs`: photos, class noun and method in one request.
struct JobCreationController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  /// The `job` part comes first, so that its faults are told before any image byte is taken.
  @Sendable func create(_ request: Request) async throws -> Response {
    try request.query.allow(["dry_run"])
    let isDryRun = try request.query.choice("dry_run", of: ["true", "false"]) == "true"
    let header = try IdempotencyHeader(request)
    guard let header, !isDryRun else { return try await take(request, nil, isDryRun: isDryRun) }
    guard context.stores.idempotency.begin(scope: header.scope, key: header.key) else {
      throw Problem(
        .idempotencyInFlight, "a request with this Idempotency-Key is being worked on",
        headers: ["Retry-After": "1"])
    }
    defer { context.stores.idempotency.end(scope: header.scope, key: header.key) }
    return try await take(request, header, isDryRun: false)
  }

  private func take(
    _ request: Request, _ header: IdempotencyHeader?, isDryRun: Bool
  ) async throws -> Response {
    var reader = try MultipartReader(
      contentType: request.headers["Content-Type"], body: request.body, limits: context.limits)
    let models = try await context.shelf.list()
    let asked = try await JobUpload.job(&reader, context.limits, models, build: context.build)
    try requireMemory(asked)
    let folder = try UploadFolder(in: context.stores.folder.temporary)
    let files = try await JobUpload.photos(&reader, into: folder, context.limits)
    let photos = files.enumerated().map { index, file in
      JobQueue.IncomingPhoto(
        fileName: file.part.filename ?? "image \(index)", file: file.url, bytes: file.bytes)
    }
    if isDryRun {
      let wanted = asked.draft.recipe.training.resolution
      let images = try await context.queue.examine(
        photos, targetSide: wanted > 0 ? wanted : asked.model.resolution)
      return try .json(try await DryRunPayload(asked, images, context))
    }
    let key = header?.key(for: asked.value, files)
    if let key, let replay = try await replay(key) { return replay }
    let count = photos.count
    let creation = try await context.queue.submit(asked.draft, photos: photos, idempotency: key) {
      try Response.jsonData(
        JobPayload($0, images: count, datasetSha256: nil, queuePosition: nil))
    }
    return try Self.response(creation)
  }

  /// Weights and optimizer alone must fit; pictures and activations come on top.
  private func requireMemory(_ asked: JobRequest) throws {
    let needed = try MemoryEstimate(asked.draft.recipe, context.shelf.folder(asked.model.id))
    guard needed.lowerBound <= context.memory else {
      throw Problem(
        .willNotFit,
        "training \(asked.model.id) needs at least \(needed.lowerBound) bytes of memory, this "
          + "machine has \(context.memory); take a smaller base model",
        errors: [
          .init(
            pointer: "/base_model", code: "will_not_fit", message: "too large for this machine")
        ])
    }
  }

  private func replay(_ key: IdempotencyKey) async throws -> Response? {
    switch try await context.stores.idempotency.answer(key) {
    case .new: nil
    case .replayed(let answer): try Self.response(.replayed(answer: answer))
    case .keyReused: try Self.response(.keyReused)
    }
  }

  private static func response(_ creation: JobStore.Creation) throws -> Response {
    var response: Response
    switch creation {
    case .created(_, let answer): response = .json(answer, status: 202)
    case .replayed(let answer):
      response = .json(answer, status: 202)
      response.headers["Idempotent-Replayed"] = "true"
    case .keyReused:
      throw Problem(
        .idempotencyKeyReused,
        "this Idempotency-Key was used for another request; take a new key for a new request")
    }
    if case .data(let body) = response.body,
      let job = try? JSONDecoder().decode(Identified.self, from: body)
    {
      response.headers["Location"] = "/v1/jobs/\(job.id)"
    }
    response.headers["Retry-After"] = "1"
    return response
  }

  private struct Identified: Decodable {
    var id: String
  }
}
