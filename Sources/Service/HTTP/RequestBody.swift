package import Foundation

/// The bytes of a request, read once, in order, as they arrive. Reading the first ones is what
/// sends `100 Continue`, so a request that its headers decide is refused before any body byte.
package final class RequestBody: Sendable {
  /// `Content-Length`, or `nil` for a chunked body.
  package let declaredLength: Int?
  private let source: @Sendable () async throws -> Data?

  package init(declaredLength: Int?, next: @escaping @Sendable () async throws -> Data?) {
    self.declaredLength = declaredLength
    self.source = next
  }

  package static let empty = RequestBody(declaredLength: 0) { nil }

  /// A body of known chunks, in order.
  package convenience init(chunks: [Data]) {
    let rest = Remaining(chunks)
    self.init(declaredLength: chunks.reduce(0) { $0 + $1.count }) { await rest.next() }
  }

  /// - Returns: the next bytes, `nil` at the end.
  package func next() async throws -> Data? { try await source() }

  /// The whole body, which must not pass `limit` bytes; a declared length is judged unread.
  package func collect(upTo limit: Int) async throws -> Data {
    func tooLarge() -> Problem {
      Problem(.bodyTooLarge, "the body must not be larger than \(limit) bytes")
    }
    if let declaredLength, declaredLength > limit { throw tooLarge() }
    var data = Data()
    while let chunk = try await next() {
      data.append(chunk)
      if data.count > limit { throw tooLarge() }
    }
    return data
  }

  private actor Remaining {
    private var chunks: ArraySlice<Data>
    init(_ chunks: [Data]) { self.chunks = chunks[...] }
    func next() -> Data? { chunks.popFirst() }
  }
}
