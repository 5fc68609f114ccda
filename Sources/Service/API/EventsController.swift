import HTTP
import Storage

/// What happened to a job, in order and without gaps.
struct EventsController: Sendable {
  private let context: APIContext
  init(_ context: APIContext) { self.context = context }

  @Sendable func list(_ request: Request) async throws -> Response {
    try request.query.allow(["after", "types", "limit"])
    guard request.accepts("application/json") else {
      throw Problem(.notAcceptable, "events are offered as application/json; ask with ?after=SEQ")
    }
    let job = try await context.job(request)
    let page = try await context.stores.events.list(
      ofJob: job.id, after: try request.query.integer("after", in: 0...Int.max) ?? 0,
      types: try Self.types(request.query["types"]),
      limit: try request.query.integer("limit", in: 1...1000) ?? 100)
    let next = page.items.last.map {
      "/v1/jobs/\(job.id)/events?\(request.query.with("after", "\($0.seq)"))"
    }
    return try ListPayload(
      page.items.map(EventPayload.init), ids: page.items.map(\.id), hasMore: page.hasMore,
      next: next
    ).response()
  }

  /// `job.*,sample.created`; empty means all.
  private static func types(_ text: String?) throws(Problem) -> Set<EventType> {
    var types: Set<EventType> = []
    for name in text?.split(separator: ",") ?? [] {
      let matching = EventType.allCases.filter {
        name.hasSuffix("*") ? $0.rawValue.hasPrefix(name.dropLast()) : $0.rawValue == name
      }
      guard !matching.isEmpty else {
        throw Problem(
          .invalidParameter, "query parameter types: no event is called \(name.prefix(64))",
          errors: [
            .init(
              parameter: "types", code: "invalid_choice", message: "no such event type",
              allowed: ["values": .strings(EventType.allCases.map(\.rawValue))])
          ])
      }
      types.formUnion(matching)
    }
    return types
  }
}
