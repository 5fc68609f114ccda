package import Foundation

/// A file as an answer: strong ETag, `Range`, `If-Range`, `If-None-Match`, `HEAD` (RFC 9110).
package enum FileResponse {
  /// - Parameters:
  ///   - etag: a value that changes with any byte, without quotes, as the SHA-256; `nil` for a file
  ///     that still grows
  ///   - downloadName: offers the file under this name; data, so it is quoted
  package static func make(
    _ url: URL, contentType: String, etag: String?, request: Request, downloadName: String? = nil
  ) throws -> Response {
    let file: OpenFile
    do {
      file = try OpenFile(url)
    } catch {
      throw Problem(.notFound, "the file is not there any more")
    }
    var headers: Headers = ["Content-Type": contentType, "Accept-Ranges": "bytes"]
    if let etag { headers["ETag"] = "\"\(etag)\"" }
    headers["Content-Security-Policy"] = "sandbox"
    if let downloadName {
      headers["Content-Disposition"] = "attachment; filename=\"\(plain(downloadName))\""
    }
    let condition = request.headers.list("If-Match")
    if !condition.isEmpty, !ETag.isMatch(condition, etag) {
      throw Problem(.preconditionFailed, "the file is not the one that If-Match names")
    }
    if let etag, ETag.matches(request.headers.list("If-None-Match"), etag) {
      return Response(status: 304, headers: headers)
    }
    let whole = Response(
      status: 200, headers: headers, body: .file(file, offset: 0, length: file.size))
    // A range of a file that has changed since is worth nothing.
    if let condition = request.headers["If-Range"], condition != etag.map({ "\"\($0)\"" }) {
      return whole
    }
    // RFC 9110 14.2: Range is defined for GET alone.
    guard request.method == "GET", let field = request.headers["Range"] else { return whole }
    switch ByteRange.parse(field, size: file.size) {
    case .ignore: return whole
    case .unsatisfiable:
      throw Problem(
        .rangeNotSatisfiable, "the file has \(file.size) bytes",
        headers: ["Content-Range": "bytes */\(file.size)"])
    case .bytes(let range):
      headers["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"
      return Response(
        status: 206, headers: headers,
        body: .file(file, offset: range.lowerBound, length: range.count))
    }
  }

  private static func plain(_ name: String) -> String {
    String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" })
  }
}

package enum ETag {
  /// Whether one of the entity tags of `If-Match` names this one; weak ones never do (RFC 9110 13.1.1).
  package static func isMatch(_ fields: [String], _ etag: String?) -> Bool {
    fields.contains { sent in sent == "*" || etag.map { sent == "\"\($0)\"" } ?? false }
  }

  /// Whether one of the entity tags of `If-None-Match` names this one; weak ones compare as well.
  package static func matches(_ fields: [String], _ etag: String) -> Bool {
    fields.contains { $0 == "*" || $0 == "\"\(etag)\"" || $0 == "W/\"\(etag)\"" }
  }
}

/// `Range: bytes=…` with one range. Several are answered with the whole file, which RFC 9110 allows.
enum ByteRange: Equatable {
  case ignore
  case unsatisfiable
  case bytes(Range<Int>)

  static func parse(_ field: String, size: Int) -> ByteRange {
    guard field.hasPrefix("bytes=") else { return .ignore }
    let set = field.dropFirst(6)
    guard !set.contains(",") else { return .ignore }
    let ends = set.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2, ends.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
      !(ends[0].isEmpty && ends[1].isEmpty), ends.allSatisfy({ $0.utf8.count < 19 })
    else { return .ignore }
    let (first, last) = (Int(ends[0]), Int(ends[1]))
    switch (first, last) {
    case (let first?, let last?) where last < first: return .ignore
    case (let first?, _):
      return first < size ? .bytes(first..<min(size, (last ?? size - 1) + 1)) : .unsatisfiable
    case (nil, let suffix?):
      return suffix > 0 && size > 0 ? .bytes(max(0, size - suffix)..<size) : .unsatisfiable
    case (nil, nil): return .ignore
    }
  }
}
