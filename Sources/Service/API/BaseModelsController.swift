import HTTP
import Storage

/// The models that can be fine-tuned here.
struct BaseModelsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let models = try await context.shelf.list()
    return try ListPayload(models.map(BaseModelPayload.init), ids: models.map(\.id)).response()
  }

  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let id = request.parameter("id")
    guard let model = try await context.shelf.find(id) else {
      throw Problem(.notFound, "there is no model \(id.prefix(64)) in the models folder")
    }
    return try .tagged(BaseModelPayload(model), request)
  }
}
