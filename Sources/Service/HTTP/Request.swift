import Foundation

/// One request. Everything in it was sent by a stranger; only sizes have been checked.
package struct Request: Sendable {
  /// The client's `X-Request-Id` if it is short and plain, otherwise one of our own.
  package let id: String
  package let method: String
  /// Path and query as sent.
  package let target: String
  /// Percent-decoded segments of the path: `/v1/jobs/a%2Fb` is `["v1", "jobs", "a/b"]`.
  package let path: [String]
  package let query: Query
  package let headers: Headers
  package let body: RequestBody
  /// Values of the route's `{name}` segments.
  package internal(set) var parameters: [String: String] = [:]
  /// Who asks, by the name of the key; `nil` where keys are off.
  package internal(set) var caller: String?
  /// Whether the client still waits; `nil` where there is no connection.
  var departure: Departure?

  package init(
    id: String = Request.makeID(), method: String, target: String, headers: Headers = [:],
    body: RequestBody = .empty
  ) throws(Problem) {
    self.id = id
    self.method = method
    self.target = target
    self.headers = headers
    self.body = body
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
    self.path = try Self.segments(parts[0])
    self.query = try Query(parts.count > 1 ? String(parts[1]) : "")
  }

  /// The value of a `{name}` segment; the router has matched it, so it exists.
  package func parameter(_ name: String) -> String { parameters[name] ?? "" }

  package static func makeID() -> String {
    "req_" + UUID().uuidString.lowercased().replacingOccurrences(of: "-", with: "")
  }

  /// - Returns: the client's id, if it can be copied into headers and logs as it is.
  static func acceptableID(_ sent: String?) -> String? {
    guard let sent, (1...64).contains(sent.utf8.count) else { return nil }
    let plain = sent.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") }
    return plain ? sent : nil
  }

  private static func segments(_ path: Substring) throws(Problem) -> [String] {
    guard path.hasPrefix("/") else {
      throw Problem(.malformedRequest, "the request target must begin with /")
    }
    var segments: [String] = []
    for raw in path.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
      guard let text = String(raw).removingPercentEncoding, !text.utf8.contains(0) else {
        throw Problem(.malformedRequest, "the path holds a broken percent escape or a NUL")
      }
      segments.append(text)
    }
    if segments.count > 1, segments.last == "" { segments.removeLast() }
    return segments == [""] ? [] : segments
  }
}

/// The query of a request. A name may be given once, and only names that the operation knows.
package struct Query: Sendable {
  package let items: [(name: String, value: String)]

  init(_ text: String) throws(Problem) {
    var items: [(String, String)] = []
    for pair in text.split(separator: "&") {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let decoded = halves.map {
        $0.replacingOccurrences(of: "+", with: " ").removingPercentEncoding
      }
      guard let name = decoded[0], let value = decoded.count > 1 ? decoded[1] : "" else {
        throw Problem(.malformedRequest, "the query holds a broken percent escape")
      }
      guard !items.contains(where: { $0.0 == name }) else {
        throw Problem(
          .invalidParameter, "query parameter \(name) is given more than once",
          errors: [.init(parameter: name, code: "repeated", message: "give it once")])
      }
      items.append((name, value))
    }
    self.items = items
  }

  package subscript(name: String) -> String? { items.first { $0.name == name }?.value }

  /// Refuses parameters that the operation does not know: a misspelt filter must not be ignored.
  package func allow(_ known: Set<String>) throws(Problem) {
    let unknown = items.map(\.name).filter { !known.contains($0) }
    guard unknown.isEmpty else {
      throw Problem(
        .invalidParameter,
        "unknown query parameter \(unknown.joined(separator: ", ")); "
          + (known.isEmpty
            ? "this operation takes none" : "known: \(known.sorted().joined(separator: ", "))"),
        errors: unknown.map {
          .init(parameter: $0, code: "unknown_parameter", message: "no such query parameter")
        })
    }
  }

  package func integer(_ name: String, in range: ClosedRange<Int>) throws(Problem) -> Int? {
    guard let text = self[name] else { return nil }
    // `Int` takes a sign and no other reader does.
    guard !text.hasPrefix("+"), let value = Int(text), range.contains(value) else {
      throw Problem(
        .invalidParameter,
        "query parameter \(name) must be an integer from \(range.lowerBound) to \(range.upperBound)",
        errors: [
          .init(
            parameter: name, code: "out_of_range", message: "not an integer in the range",
            allowed: ["min": .integer(range.lowerBound), "max": .integer(range.upperBound)])
        ])
    }
    return value
  }

  package func choice(_ name: String, of choices: [String]) throws(Problem) -> String? {
    guard let text = self[name] else { return nil }
    guard choices.contains(text) else {
      throw Problem(
        .invalidParameter,
        "query parameter \(name) must be one of \(choices.joined(separator: ", "))",
        errors: [
          .init(
            parameter: name, code: "invalid_choice", message: "not one of the choices",
            allowed: ["values": .strings(choices)])
        ])
    }
    return text
  }
}
