import Foundation
import HTTP
import Storage

/// Preview pictures, readable while the job runs.
struct SamplesController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let samples = try await context.stores.samples.list(ofJob: job.id)
    return try ListPayload(samples.map(SamplePayload.init), ids: samples.map(\.id)).response()
  }

  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let id = request.parameter("sid")
    guard Identifiers.isValid(id, .sample),
      let sample = try await context.stores.samples.find(id, ofJob: job.id)
    else { throw Problem(.notFound, "job \(job.id) has no sample \(id.prefix(64))") }
    try await context.stores.files.require(.sample(sample, in: context.stores.folder))
    return try FileResponse.make(
      context.stores.folder.file(ofJob: job.id, sample.file), contentType: "image/png",
      etag: sample.sha256, request: request)
  }

  /// All previews in one picture: a row per step, a column per prompt and seed.
  @Sendable func grid(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let samples = try await context.stores.samples.list(ofJob: job.id)
    let newest = samples.max { ($0.epoch, $0.step) < ($1.epoch, $1.step) }
    guard let newest else {
      throw Problem(.notFound, "job \(job.id) has no samples yet; it is \(job.status.rawValue)")
    }
    let file = context.stores.folder.file(ofJob: job.id, newest.file)
      .deletingLastPathComponent().appending(path: "grid.png")
    let digest = try await BlockingIO.run { try? FileHash.sha256(ofFile: file) }
    return try FileResponse.make(file, contentType: "image/png", etag: digest, request: request)
  }
}
