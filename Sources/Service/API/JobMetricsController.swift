import Contract
import Foundation
import HTTP
import Storage

/// Step metrics: losses apart, gradient norm, learning rate, seconds.
struct JobMetricsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow(["since_step", "stride", "limit"])
    let since = try request.query.integer("since_step", in: 0...Int.max) ?? 0
    let stride = try request.query.integer("stride", in: 1...1_000_000) ?? 1
    let limit = try request.query.integer("limit", in: 1...10_000) ?? 1000
    let job = try await context.job(request)
    let log = context.stores.metrics
    let page = try await BlockingIO.run {
      try log.read(ofJob: job.id, sinceStep: since, stride: stride, limit: limit)
    }
    if request.prefers("application/x-ndjson", to: "application/json") {
      var lines = Data()
      for line in page.items { lines.append(try Response.jsonData(line)) }
      return Response(contentType: "application/x-ndjson", lines)
    }
    let next = page.items.last.map {
      "/v1/jobs/\(job.id)/metrics?\(request.query.with("since_step", "\($0.step)"))"
    }
    return try ListPayload(
      page.items, ids: page.items.map { "\($0.step)" }, hasMore: page.hasMore, next: next
    ).response()
  }
}
