import Foundation
import HTTP
import Storage

/// `Idempotency-Key`: the same request, sent again, has one effect and one answer.
struct IdempotencyHeader: Sendable {
  let key: String
  /// Who asks, and for what.
  let scope: String

  /// - Returns: `nil` if the request carries none.
  init?(_ request: Request) throws(Problem) {
    let sent = request.headers.all("Idempotency-Key")
    guard let key = sent.first else { return nil }
    guard sent.count == 1, (1...255).contains(key.utf8.count),
      key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw Problem(
        .malformedRequest, "Idempotency-Key must be one field of 1 to 255 visible ASCII characters")
    }
    self.key = key
    scope = "\(request.caller ?? "") \(request.method) /\(request.path.joined(separator: "/"))"
  }

  /// Whether a request with this key was answered before.
  func isKnown(_ stores: Stores) async throws -> Bool {
    try await stores.idempotency.answer(
      IdempotencyKey(scope: scope, key: key, fingerprint: "")) != .new
  }

  /// Works on a request that may carry a key; a second one with the same key meanwhile is turned away.
  static func guarding(
    _ request: Request, _ stores: Stores, _ work: (IdempotencyHeader?) async throws -> Response
  ) async throws -> Response {
    guard let header = try IdempotencyHeader(request) else { return try await work(nil) }
    guard stores.idempotency.begin(scope: header.scope, key: header.key) else {
      throw Problem(
        .idempotencyInFlight, "a request with this Idempotency-Key is being worked on",
        headers: ["Retry-After": "1"])
    }
    defer { stores.idempotency.end(scope: header.scope, key: header.key) }
    return try await work(header)
  }

  /// The fingerprint covers what the request means: canonical JSON, and its files, by a line for each.
  func key(for body: JSONValue, _ files: [String]) -> IdempotencyKey {
    let meaning = ([body.canonical] + files.sorted()).joined(separator: "\n")
    return IdempotencyKey(
      scope: scope, key: key, fingerprint: FileHash.sha256(Data(meaning.utf8)))
  }
}
