import HTTP
import Storage

/// The photos of a job with their verdicts, and the pixels that were kept of them.
struct DatasetsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow([])
    return try .tagged(DatasetPayload(try await dataset(request)), request)
  }

  @Sendable func content(_ request: Request) async throws -> Response {
    try request.query.allow(["view"])
    let showsMask = try request.query.choice("view", of: ["source", "mask"]) == "mask"
    let dataset = try await dataset(request)
    let id = request.parameter("img")
    guard let image = dataset.images.first(where: { $0.id == id }) else {
      throw Problem(.notFound, "dataset \(dataset.id) has no image \(id.prefix(64))")
    }
    guard let blob = showsMask ? image.mask : image.blob else {
      throw Problem(
        .notFound,
        image.blob == nil
          ? "nothing is kept of image \(image.id): it was not accepted"
          : "image \(image.id) has no mask")
    }
    let name = showsMask ? "the mask of image \(image.id)" : "image \(image.id)"
    try await context.stores.files.require(.blob(blob, name: name, in: context.stores.blobs))
    return try FileResponse.make(
      context.stores.blobs.url(blob), contentType: "image/png", etag: blob, request: request)
  }

  private func dataset(_ request: Request) async throws -> Dataset {
    let id = request.parameter("id")
    guard Identifiers.isValid(id, .dataset),
      let dataset = try await context.stores.datasets.find(id)
    else { throw Problem(.notFound, "there is no dataset \(id.prefix(64))") }
    return dataset
  }
}
