package import Foundation

/// Reads `multipart/form-data` (RFC 7578) part by part as it arrives; never more than one network
/// chunk and one delimiter are held in memory.
///
///     body = preamble *(CRLF? "--" boundary CRLF headers CRLF CRLF content) CRLF "--" boundary "--"
package struct MultipartReader {
  package struct Part: Sendable, Equatable {
    /// The form field.
    package let name: String
    /// What the client calls the file: data, never a path.
    package let filename: String?
    /// In lower case and without parameters.
    package let contentType: String?
  }

  private enum State { case preamble, content, between, done }

  private let delimiter: Data
  private let limits: ServerLimits
  private let body: RequestBody
  private var buffer = Data()
  private var state = State.preamble
  private var parts = 0
  private var received = 0

  /// - Parameter contentType: the request's `Content-Type`, with its boundary
  package init(contentType: String?, body: RequestBody, limits: ServerLimits) throws(Problem) {
    guard let type = contentType,
      type.prefix(while: { $0 != ";" }).trimmingCharacters(in: .whitespaces).lowercased()
        == "multipart/form-data"
    else { throw Problem(.unsupportedMediaType, "Content-Type must be multipart/form-data") }
    guard let boundary = MediaType(type)?.parameters["boundary"], Self.isBoundary(boundary) else {
      throw Problem(
        .malformedMultipart, "the boundary parameter must have 1 to 70 characters of RFC 2046")
    }
    if let declared = body.declaredLength, declared > limits.uploadBytes {
      throw Problem(.bodyTooLarge, "an upload must not be larger than \(limits.uploadBytes) bytes")
    }
    // The first delimiter may open the body, so the search begins behind an invented line end.
    delimiter = Data("\r\n--\(boundary)".utf8)
    buffer = Data("\r\n".utf8)
    self.body = body
    self.limits = limits
  }

  /// Skips what is left of the current part.
  /// - Returns: the next part; `nil` after the closing delimiter.
  package mutating func next() async throws -> Part? {
    if state == .done { return nil }
    while try await nextChunk() != nil {}
    let mark = try await take(2, "the delimiter")
    if mark == Data("--".utf8) {
      state = .done
      while try await body.next() != nil {}  // the epilogue says nothing
      return nil
    }
    try await endDelimiter(mark)
    parts += 1
    guard parts <= limits.parts else {
      throw Problem(.bodyTooLarge, "an upload is limited to \(limits.parts) parts")
    }
    let part = try await headers()
    state = .content
    return part
  }

  /// Skips blanks between a delimiter and its line end (`transport-padding` of RFC 2046).
  private mutating func endDelimiter(_ mark: Data) async throws {
    var mark = mark
    var blanks = 0
    while let first = mark.first, first == 0x20 || first == 0x09 {
      blanks += 1
      guard blanks <= limits.partHeaderBytes else { break }
      mark = mark.dropFirst() + (try await take(1, "the line end of a delimiter"))
    }
    guard Data(mark) == Data("\r\n".utf8) else {
      throw malformed("a delimiter is not ended by CRLF")
    }
  }

  /// - Returns: the next bytes of the current part; `nil` at its end.
  package mutating func nextChunk() async throws -> Data? {
    guard state == .preamble || state == .content else { return nil }
    while true {
      if let found = buffer.range(of: delimiter) {
        let chunk = buffer[buffer.startIndex..<found.lowerBound]
        if !chunk.isEmpty {
          buffer = Data(buffer[found.lowerBound...])
          return chunk
        }
        buffer = Data(buffer[found.upperBound...])
        state = .between
        return nil
      }
      // Whatever might be the beginning of a delimiter stays.
      let safe = buffer.count - (delimiter.count - 1)
      if safe > 0 {
        let chunk = buffer.prefix(safe)
        buffer = Data(buffer.dropFirst(safe))
        return chunk
      }
      try await fill("the closing delimiter")
    }
  }

  private mutating func headers() async throws -> Part {
    let end = Data("\r\n\r\n".utf8)
    var found = buffer.range(of: end)
    while found == nil {
      guard buffer.count <= limits.partHeaderBytes else { break }
      try await fill("the end of a part's header")
      found = buffer.range(of: end)
    }
    guard let found, found.lowerBound - buffer.startIndex <= limits.partHeaderBytes else {
      throw Problem(
        .headersTooLarge, "the header of a part is limited to \(limits.partHeaderBytes) bytes")
    }
    guard let text = String(data: buffer[..<found.lowerBound], encoding: .utf8) else {
      throw malformed("the header of a part is not UTF-8")
    }
    // The content of an empty part is followed at once by its delimiter, line end included.
    buffer = Data(buffer[found.upperBound...])
    var fields = Headers()
    for line in text.components(separatedBy: "\r\n") {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
        throw malformed("a header line of a part has no name")
      }
      fields.add(
        String(line[..<colon]),
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
    for name in ["Content-Disposition", "Content-Type", "Content-Transfer-Encoding"]
    where fields.all(name).count > 1 {
      throw malformed("a part has \(name) twice")
    }
    guard let disposition = fields["Content-Disposition"].flatMap(MediaType.init),
      disposition.essence == "form-data", let name = disposition.parameters["name"]
    else { throw malformed("a part has no Content-Disposition: form-data with a name") }
    // These three mean "as it is"; older clients write them although HTTP needs none (RFC 7578 4.7).
    if let coding = fields["Content-Transfer-Encoding"]?.lowercased(),
      !["7bit", "8bit", "binary"].contains(coding)
    {
      throw malformed(
        "the part \(name.prefix(64)) is sent as \(coding.prefix(32)); send its bytes as they are")
    }
    return Part(
      name: name, filename: SentFileName.of(disposition),
      contentType: fields["Content-Type"].flatMap(MediaType.init)?.essence)
  }

  private mutating func take(_ count: Int, _ what: String) async throws -> Data {
    while buffer.count < count { try await fill(what) }
    let taken = buffer.prefix(count)
    buffer = Data(buffer.dropFirst(count))
    return Data(taken)
  }

  private mutating func fill(_ what: String) async throws {
    guard let chunk = try await body.next() else { throw malformed("the body ends before \(what)") }
    received += chunk.count
    guard received <= limits.uploadBytes else {
      throw Problem(.bodyTooLarge, "an upload must not be larger than \(limits.uploadBytes) bytes")
    }
    buffer.append(chunk)
  }

  private func malformed(_ detail: String) -> Problem { Problem(.malformedMultipart, detail) }

  private static func isBoundary(_ text: String) -> Bool {
    let allowed = CharacterSet(
      charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'()+_,-./:=? ")
    return (1...70).contains(text.utf8.count) && text.last != " "
      && text.unicodeScalars.allSatisfy(allowed.contains)
  }
}

/// `type/subtype; name=value; name="quoted value"`, also as `form-data; name="…"`.
struct MediaType: Equatable {
  let essence: String
  let parameters: [String: String]

  init?(_ text: String) {
    var rest = text[...]
    let first = rest.prefix { $0 != ";" }
    essence = first.trimmingCharacters(in: .whitespaces).lowercased()
    rest = rest[first.endIndex...]
    guard !essence.isEmpty else { return nil }
    var parameters: [String: String] = [:]
    while rest.first == ";" {
      rest = rest.dropFirst().drop { $0 == " " || $0 == "\t" }
      if rest.isEmpty { break }
      guard let equals = rest.firstIndex(of: "="), equals != rest.startIndex else { return nil }
      let name = rest[..<equals].lowercased()
      rest = rest[rest.index(after: equals)...]
      guard let value = Self.value(&rest) else { return nil }
      rest = rest.drop { $0 == " " || $0 == "\t" }
      // Two values for one name are how a filter and a server come to see different ones.
      guard parameters.updateValue(value, forKey: name) == nil else { return nil }
      guard rest.isEmpty || rest.first == ";" else { return nil }
    }
    self.parameters = parameters
  }

  private static func value(_ rest: inout Substring) -> String? {
    guard rest.first == "\"" else {
      let token = rest.prefix { $0 != ";" && $0 != " " && $0 != "\t" }
      rest = rest[token.endIndex...]
      return token.isEmpty || token.contains("\"") ? nil : String(token)
    }
    rest.removeFirst()
    var value = ""
    while let character = rest.popFirst() {
      if character == "\"" { return value }
      // Browsers write %22 for a quote; curl writes a backslash before quote and backslash.
      if character == "\\", let next = rest.first, next == "\"" || next == "\\" {
        rest.removeFirst()
        value.append(next)
      } else {
        value.append(character)
      }
    }
    return nil
  }
}
