import Foundation
import HTTP
import Storage

/// What a finished job leaves: folders of files with their digests.
struct ArtifactsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let artifacts = try await context.stores.artifacts.list(ofJob: job.id)
    return try ListPayload(artifacts.map(ArtifactPayload.init), ids: artifacts.map(\.id))
      .response()
  }

  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow([])
    return try .tagged(ArtifactPayload(try await artifact(request)), request)
  }

  /// The names are those of the artifact's own list; any other is not looked for on the disk.
  @Sendable func file(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let artifact = try await artifact(request)
    let name = request.parameter("name")
    guard let file = artifact.files.first(where: { $0.name == name }) else {
      throw Problem(.notFound, "artifact \(artifact.id) has no file \(name.prefix(200))")
    }
    let stores = context.stores
    try await stores.files.require(.artifact(artifact, file, in: stores.folder))
    return try FileResponse.make(
      context.stores.folder.file(ofJob: artifact.jobId, "\(artifact.folder)/\(file.name)"),
      contentType: name.hasSuffix(".json") ? "application/json" : "application/octet-stream",
      etag: file.sha256, request: request,
      downloadName: name.split(separator: "/").last.map(String.init))
  }

  private func artifact(_ request: Request) async throws -> Artifact {
    let job = try await context.job(request)
    let id = request.parameter("aid")
    guard Identifiers.isValid(id, .artifact),
      let artifact = try await context.stores.artifacts.find(id, ofJob: job.id)
    else { throw Problem(.notFound, "job \(job.id) has no artifact \(id.prefix(64))") }
    return artifact
  }
}
