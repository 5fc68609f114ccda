import Foundation
import HTTP
import Jobs
import Storage

/// Jobs as they are: the list, one, and how to make one again.
struct JobsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    let query = request.query
    let metadata = query.items.map(\.name).filter { $0.hasPrefix("metadata.") }
    try query.allow(
      Set(["status", "kind", "after", "before", "limit", "order"]).union(metadata))
    var filter = JobFilter()
    filter.statuses = try Self.statuses(query)
    if let kind = try query.choice("kind", of: JobKind.allCases.map(\.rawValue)) {
      filter.kinds = Set([kind].compactMap(JobKind.init))
    }
    for name in metadata { filter.metadata[String(name.dropFirst(9))] = query[name] }
    let order = try query.choice("order", of: ["asc", "desc"])
    let page = PageRequest(
      after: try Self.cursor(query, "after"), before: try Self.cursor(query, "before"),
      limit: try query.integer("limit", in: 1...100) ?? 20,
      order: order.flatMap(PageRequest.Order.init) ?? .descending)
    let found = try await context.stores.jobs.list(filter, page)
    var data: [JobPayload] = []
    for job in found.items { data.append(try await context.payload(job)) }
    let next = found.items.last.map { "/v1/jobs?\(query.with("after", $0.id))" }
    return try ListPayload(data, ids: data.map(\.id), hasMore: found.hasMore, next: next)
      .response()
  }

  /// `?wait=30&status_seq=7` answers as soon as the status is newer than that.
  @Sendable func get(_ request: Request) async throws -> Response {
    try request.query.allow(["wait", "status_seq"])
    let wait = try request.query.integer("wait", in: 0...60) ?? 0
    let seq = try request.query.integer("status_seq", in: 0...Int.max)
    var job = try await context.job(request)
    if wait > 0, !job.status.isFinal {
      let newer = try await context.queue.waitForChange(
        of: job.id, newerThan: seq ?? job.statusSeq, timeout: .seconds(wait))
      job = newer ?? job
    }
    return try .tagged(try await context.payload(job), request)
  }

  @Sendable func recipe(_ request: Request) async throws -> Response {
    try request.query.allow([])
    let job = try await context.job(request)
    guard let dataset = try await context.stores.datasets.find(job.datasetId) else {
      throw Problem(.notFound, "the job's dataset is gone")
    }
    return try .tagged(RecipePayload(job, dataset), request)
  }

  /// `status=queued,running`; `canceled` is read as `cancelled`.
  private static func statuses(_ query: Query) throws(Problem) -> Set<JobState> {
    var states: Set<JobState> = []
    for name in query["status"]?.split(separator: ",") ?? [] {
      guard let state = JobState(rawValue: name == "canceled" ? "cancelled" : String(name)) else {
        let known = JobState.allCases.map(\.rawValue)
        throw Problem(
          .invalidParameter,
          "query parameter status: there is no \(name); known: \(known.joined(separator: ", "))",
          errors: [
            .init(
              parameter: "status", code: "invalid_choice", message: "no such status",
              allowed: ["values": .strings(known)])
          ])
      }
      states.insert(state)
    }
    return states
  }

  private static func cursor(_ query: Query, _ name: String) throws(Problem) -> String? {
    guard let id = query[name] else { return nil }
    guard Identifiers.isValid(id, .job) else {
      throw Problem(
        .invalidParameter, "query parameter \(name) must be the id of a job",
        errors: [.init(parameter: name, code: "invalid_id", message: "not the id of a job")])
    }
    return id
  }
}
