import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// `POST /v1/jobs`: photos, class noun and method in one request.
struct JobCreationController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func create(_ request: Request) async throws -> Response {
    try request.query.allow(["dry_run"])
    let isDryRun = try request.query.choice("dry_run", of: ["true", "false"]) == "true"
    if isDryRun {
      return try await request.whileConnected {
        try await context.queue.dryRun { try await take(request, nil, isDryRun: true) }
      }
    }
    return try await IdempotencyHeader.guarding(request, context.stores) {
      try await take(request, $0, isDryRun: false)
    }
  }

  private func take(
    _ request: Request, _ header: IdempotencyHeader?, isDryRun: Bool
  ) async throws -> Response {
    var reader = try MultipartReader(
      contentType: request.headers["Content-Type"], body: request.body, limits: context.limits)
    let known = if let header { try await header.isKnown(context.stores) } else { false }
    // What follows may be half a gigabyte: refusals that do not depend on it come first.
    let space = try await context.queue.admit(
      bytes: request.body.declaredLength, isReplay: known)
    let folder = try UploadFolder(in: context.stores.folder.temporary)
    space.use(folder.url)
    var upload = JobUpload(into: folder, context.limits) { try await space.require($0) }
    let value = try await upload.job(&reader)
    var asked = try JobRequest(
      value,
      .init(
        models: try await context.shelf.list(), build: context.build,
        start: try await InitFrom.find(in: value, context.stores)))
    try context.requireMemory(asked.draft.recipe, model: asked.model.id, side: asked.side)
    try await upload.rest(&reader)
    let pictures = try JobPictures(upload, asked.draft)
    asked.take(classImages: upload[.classImages].count)
    if isDryRun {
      let images = try await context.queue.examine(
        pictures.incoming, targetSide: asked.side, caller: request.caller)
      return try .json(try await DryRunPayload(asked, images, context))
    }
    let key = header?.key(for: value, pictures.meaning)
    if let key, let replay = try await context.replay(key) { return replay }
    let count = upload[.images].count
    return try await context.queue.submit(
      asked.draft, photos: pictures.incoming, idempotency: key
    ) {
      try Response.jsonData(
        JobPayload($0, images: count, datasetSha256: nil, queuePosition: nil))
    }.response()
  }
}

extension APIContext {
  /// The stored answer, if this very request was answered before.
  func replay(_ key: IdempotencyKey) async throws -> Response? {
    switch try await stores.idempotency.answer(key) {
    case .new: nil
    case .replayed(let answer): try JobStore.Creation.replayed(answer: answer).response()
    case .keyReused: try JobStore.Creation.keyReused.response()
    }
  }
}

extension JobStore.Creation {
  func response() throws -> Response {
    var response: Response
    switch self {
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
}

private struct Identified: Decodable {
  var id: String
}
