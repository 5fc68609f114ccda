import Foundation
import HTTP
import Storage

/// The report of a job, as JSON or as a picture.
struct ReportsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let reports = try await context.stores.reports.list(ofJob: job.id)
    return try ListPayload(reports.map(ReportPayload.init), ids: reports.map(\.id)).response()
  }

  @Sendable func get(_ request: Request) async throws -> Response {
    guard request.accepts("application/json") || request.accepts("image/png") else {
      throw Problem(.notAcceptable, "a report is application/json or image/png")
    }
    let isPicture = request.prefers("image/png", to: "application/json")
    return try await file(request, isPicture ? ".png" : ".json")
  }

  @Sendable func png(_ request: Request) async throws -> Response {
    try await file(request, ".png")
  }

  private func file(_ request: Request, _ ending: String) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let id = request.parameter("rid")
    let reports = try await context.stores.reports.list(ofJob: job.id)
    guard let report = id == "latest" ? reports.last : reports.first(where: { $0.id == id }) else {
      throw Problem(
        .notFound, "job \(job.id) has no report \(id.prefix(64)); it is \(job.status.rawValue)")
    }
    guard let file = report.files.first(where: { $0.name.hasSuffix(ending) }) else {
      throw Problem(.notFound, "this report has no \(ending) file")
    }
    try await context.stores.files.require(.report(report, file, in: context.stores.folder))
    var response = try FileResponse.make(
      context.stores.folder.file(ofJob: job.id, file.name),
      contentType: ending == ".png" ? "image/png" : "application/json", etag: file.sha256,
      request: request)
    response.headers["Vary"] = "Accept"
    return response
  }
}
