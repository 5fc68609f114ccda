import Foundation
import HTTP
import Jobs
import Storage

/// What stands outside `/v1`: probes, figures, the contract, and the page of each problem.
struct HealthController: Sendable {
  private struct Status: Encodable, Sendable {
    var status: String
    var build: String
  }

  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func alive(_ request: Request) async throws -> Response {
    try request.query.allow([])
    return try .json(Status(status: "ok", build: context.build))
  }

  /// Ready means that a job could be stored, by the same checks that storing one makes: the database can be written, so can
  /// the folders, the disk has room beside ballast and uploads, and nobody has asked to stop. A full queue is no reason to send nobody here: what is stored can still be read.
  @Sendable func ready(_ request: Request) async throws -> Response {
    try request.query.allow([])
    guard !context.queue.isDraining else {
      throw Problem(.draining, "the service is stopping", headers: ["Retry-After": "10"])
    }
    do {
      try await context.queue.requireStorage()
    } catch {
      guard error is JobError || error is StorageError else { throw error }
      throw Problem(.notReady, "\(error)", headers: ["Retry-After": "60"])
    }
    return try .json(Status(status: "ready", build: context.build))
  }

  @Sendable func metrics(_ request: Request) async throws -> Response {
    let counts = try await context.stores.jobs.counts()
    var text = "# HELP dreambooth_jobs Jobs by status.\n# TYPE dreambooth_jobs gauge\n"
    for state in JobState.allCases {
      text += "dreambooth_jobs{status=\"\(state.rawValue)\"} \(counts[state] ?? 0)\n"
    }
    text +=
      "# HELP dreambooth_queue_limit Jobs that may wait.\n# TYPE dreambooth_queue_limit gauge\n"
    text += "dreambooth_queue_limit \(context.queue.configuration.queueLimit)\n"
    return .text(
      text + context.metricsText(), contentType: "text/plain; version=0.0.4; charset=utf-8")
  }

  @Sendable func openAPI(_ request: Request) async throws -> Response { .json(context.openAPI) }

  @Sendable func problem(_ request: Request) async throws -> Response {
    let code = request.parameter("code")
    guard let page = ProblemPages.page(code) else {
      throw Problem(.notFound, "there is no problem \(code.prefix(64))")
    }
    return .text(page)
  }
}
