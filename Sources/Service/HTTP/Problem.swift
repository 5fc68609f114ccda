import Foundation

/// An error as the client sees it: `application/problem+json` of RFC 9457, on every 4xx and 5xx.
package struct Problem: Error, Sendable {
  /// Status and title of a problem. `code` is stable, and `/problems/<code>` describes it.
  package struct Kind: Sendable, Equatable {
    package let status: Int
    package let code: String
    package let title: String
    package init(_ status: Int, _ code: String, _ title: String) {
      self.status = status
      self.code = code
      self.title = title
    }
  }

  /// One fault of one field: a JSON Pointer, an upload (`images/2`) or a query parameter.
  package struct FieldError: Sendable, Equatable {
    package var pointer: String
    package var code: String
    package var message: String
    package var allowed: [String: Value]
    package init(
      pointer: String, code: String, message: String, allowed: [String: Value] = [:]
    ) {
      self.pointer = pointer
      self.code = code
      self.message = message
      self.allowed = allowed
    }
    package init(
      parameter: String, code: String, message: String, allowed: [String: Value] = [:]
    ) {
      self.init(pointer: parameter, code: code, message: message, allowed: allowed)
    }
  }

  /// What an extension member may hold.
  package enum Value: Sendable, Equatable, Encodable {
    case integer(Int)
    case number(Double)
    case string(String)
    case strings([String])

    package func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      switch self {
      case .integer(let value): try container.encode(value)
      case .number(let value): try container.encode(value)
      case .string(let value): try container.encode(value)
      case .strings(let value): try container.encode(value)
      }
    }
  }

  package var kind: Kind
  package var detail: String
  package var errors: [FieldError]
  /// Extension members beside the standard ones, as `current_status`.
  package var members: [String: Value]
  package var headers: Headers

  package init(
    _ kind: Kind, _ detail: String, errors: [FieldError] = [], members: [String: Value] = [:],
    headers: Headers = [:]
  ) {
    self.kind = kind
    self.detail = detail
    self.errors = errors
    self.members = members
    self.headers = headers
  }

  package func response(requestID: String, instance: String?) -> Response {
    var response = Response(
      status: kind.status, contentType: "application/problem+json",
      body(requestID: requestID, instance: instance), headers: headers)
    response.headers["Cache-Control"] = "no-store"
    return response
  }

  /// Faults that are listed: a small body with 60,000 of them must not get an answer of megabytes.
  static let mostErrors = 100

  func body(requestID: String, instance: String?) -> Data {
    var body: [String: Any] = [
      "type": "/problems/\(kind.code)", "title": kind.title, "status": kind.status,
      "detail": detail, "code": kind.code, "request_id": requestID,
    ]
    // The query may hold what a client would rather not see in a log.
    if let instance { body["instance"] = instance.prefix { $0 != "?" }.description }
    for (name, value) in members { body[name] = value.plain }
    if !errors.isEmpty {
      body["errors"] = errors.prefix(Self.mostErrors).map { error in
        var entry: [String: Any] = [
          "pointer": error.pointer, "code": error.code, "message": error.message,
        ]
        if !error.allowed.isEmpty { entry["allowed"] = error.allowed.mapValues(\.plain) }
        return entry
      }
      if errors.count > Self.mostErrors { body["errors_left_out"] = errors.count - Self.mostErrors }
    }
    let options: JSONSerialization.WritingOptions = [.sortedKeys, .withoutEscapingSlashes]
    return (try? JSONSerialization.data(withJSONObject: body, options: options)) ?? Data()
  }
}

extension Problem.Value {
  fileprivate var plain: Any {
    switch self {
    case .integer(let value): value
    case .number(let value): value
    case .string(let value): value
    case .strings(let value): value
    }
  }
}

/// The problems that this layer raises itself.
extension Problem.Kind {
  package static let malformedRequest = Self(400, "malformed_request", "Malformed request")
  package static let invalidParameter = Self(400, "invalid_parameter", "Invalid query parameter")
  package static let malformedMultipart = Self(
    400, "malformed_multipart", "Malformed multipart body")
  package static let unauthorized = Self(401, "unauthorized", "API key missing or unknown")
  package static let forbidden = Self(403, "forbidden", "Not allowed with this key")
  package static let notFound = Self(404, "not_found", "No such resource")
  package static let methodNotAllowed = Self(405, "method_not_allowed", "Method not allowed")
  package static let requestTimeout = Self(408, "request_timeout", "Request too slow")
  package static let preconditionFailed = Self(
    412, "precondition_failed", "Precondition not met")
  package static let bodyTooLarge = Self(413, "body_too_large", "Body too large")
  package static let targetTooLong = Self(414, "target_too_long", "Request line too long")
  package static let unsupportedMediaType = Self(
    415, "unsupported_media_type", "Media type not accepted")
  package static let rangeNotSatisfiable = Self(
    416, "range_not_satisfiable", "Range outside of the file")
  package static let expectationFailed = Self(
    417, "expectation_failed", "Expectation not supported")
  package static let misdirected = Self(421, "misdirected_request", "Host not served here")
  package static let headersTooLarge = Self(
    431, "headers_too_large", "Header fields too large")
  package static let internalError = Self(500, "internal", "Internal error")
  package static let notImplemented = Self(501, "not_implemented", "Not implemented")
  package static let draining = Self(503, "draining", "Service is stopping")
  package static let overloaded = Self(503, "too_many_connections", "Too many connections")
  package static let storageFull = Self(507, "storage_full", "Not enough disk space")

  /// All of them, for the pages under `/problems/`.
  package static let raisedByHTTP: [Self] = [
    .malformedRequest, .invalidParameter, .malformedMultipart, .unauthorized, .forbidden,
    .notFound, .methodNotAllowed, .requestTimeout, .preconditionFailed,
    .bodyTooLarge, .targetTooLong,
    .unsupportedMediaType, .rangeNotSatisfiable, .expectationFailed, .misdirected,
    .headersTooLarge, .internalError, .notImplemented, .draining, .overloaded, .storageFull,
  ]
}
