import Foundation
import HTTP
import Storage

/// What the workers of a job wrote to their standard error.
struct LogsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  /// The file grows, so it has no entity tag; a range from its last byte on follows it.
  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let file = context.stores.folder.log(ofJob: job.id)
    guard FileManager.default.fileExists(atPath: file.path) else { return .text("") }
    return try FileResponse.make(
      file, contentType: "text/plain; charset=utf-8", etag: nil, request: request)
  }
}
