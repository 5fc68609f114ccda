import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// What changes a job: so far, cancelling it.
struct JobActionsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func cancel(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    let mode = try await mode(request)
    let cancellation = try await context.queue.cancel(job.id, mode)
    return try .json(
      try await context.payload(cancellation.job), status: cancellation.changed ? 202 : 200)
  }

  /// `{"mode": "graceful" | "now"}`; an empty body is graceful.
  private func mode(_ request: Request) async throws -> CancelMode {
    guard let body = try await request.jsonBody(context.limits) else { return .graceful }
    let faults = Faults()
    let fields = FieldReader(body, at: "", faults)
    let mode = fields.choice("mode", of: CancelMode.self) ?? .graceful
    fields.notOffered("keep", unless: [.string("last")], "dropping checkpoints on cancel")
    fields.end()
    try faults.throwIfAny()
    return mode
  }
}

extension Request {
  /// - Returns: the body; `nil` if there is none
  func jsonBody(_ limits: ServerLimits) async throws -> JSONValue? {
    let data = try await body.collect(upTo: limits.jsonBytes)
    if data.isEmpty { return nil }
    guard headers.mediaType == "application/json" else {
      throw Problem(.unsupportedMediaType, "the body must be application/json, or empty")
    }
    return try StrictJSON.parse(data, source: "the body")
  }
}
