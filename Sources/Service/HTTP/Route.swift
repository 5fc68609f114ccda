/// One operation: method, path pattern with `{name}` segments, and the handler behind it.
/// A last segment `{name+}` takes the rest of the path, slashes included.
package struct Route: Sendable {
  package enum Access: String, Sendable {
    /// Answers without a key.
    case open
    case read
    case write
  }

  package typealias Handler = @Sendable (Request) async throws -> Response

  package let operationID: String
  package let method: String
  package let pattern: String
  package let access: Access
  package let handler: Handler
  let segments: [String]

  package init(
    _ operationID: String, _ method: String, _ pattern: String, _ access: Access,
    _ handler: @escaping Handler
  ) {
    self.operationID = operationID
    self.method = method
    self.pattern = pattern
    self.access = access
    self.handler = handler
    self.segments = pattern.split(separator: "/").map(String.init)
  }

  /// - Returns: the values of the `{name}` segments if the path fits.
  func match(_ path: [String]) -> [String: String]? {
    if segments.last?.hasSuffix("+}") == true, path.count > segments.count {
      let tail = path[(segments.count - 1)...].joined(separator: "/")
      return match(Array(path[..<(segments.count - 1)]) + [tail])
    }
    guard path.count == segments.count else { return nil }
    var values: [String: String] = [:]
    for (segment, text) in zip(segments, path) {
      if segment.hasPrefix("{") {
        guard !text.isEmpty else { return nil }
        values[segment.filter { !"{+}".contains($0) }] = text
      } else if segment != text {
        return nil
      }
    }
    return values
  }

  var literalCount: Int { segments.filter { !$0.hasPrefix("{") }.count }
}

/// Finds the route of a request; a literal segment wins over a `{name}`.
package struct Router: Sendable {
  package let routes: [Route]

  package init(_ routes: [Route]) {
    self.routes = routes.sorted { $0.literalCount > $1.literalCount }
  }

  /// `HEAD` is answered by the `GET` of the same path.
  package func find(
    _ method: String, _ path: [String]
  ) throws(Problem) -> (Route, [String: String]) {
    var allowed: Set<String> = []
    for route in routes {
      guard let values = route.match(path) else { continue }
      if route.method == method || (method == "HEAD" && route.method == "GET") {
        return (route, values)
      }
      allowed.insert(route.method)
      if route.method == "GET" { allowed.insert("HEAD") }
    }
    guard !allowed.isEmpty else {
      throw Problem(.notFound, "there is nothing at this path; /openapi.json lists what there is")
    }
    let methods = allowed.sorted().joined(separator: ", ")
    throw Problem(
      .methodNotAllowed, "this path answers \(methods)", headers: ["Allow": methods])
  }
}
