import HTTP
import Storage

/// The verified checkpoints that are kept.
struct CheckpointsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let checkpoints = try await context.stores.checkpoints.list(ofJob: job.id)
    return try ListPayload(
      checkpoints.map(CheckpointPayload.init), ids: checkpoints.map(\.id)
    ).response()
  }
}
