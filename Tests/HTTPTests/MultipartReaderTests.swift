import Foundation
import Testing

@testable import HTTP

private let type = "multipart/form-data; boundary=XX"

private func read(
  _ text: String, chunk: Int = .max, type: String = type, limits: ServerLimits = ServerLimits()
) async throws -> [(MultipartReader.Part, Data)] {
  let data = Data(text.utf8)
  var chunks: [Data] = []
  var rest = data[...]
  while !rest.isEmpty {
    chunks.append(Data(rest.prefix(chunk)))
    rest = rest.dropFirst(chunk)
  }
  var reader = try MultipartReader(
    contentType: type, body: RequestBody(chunks: chunks), limits: limits)
  var parts: [(MultipartReader.Part, Data)] = []
  while let part = try await reader.next() {
    var content = Data()
    while let bytes = try await reader.nextChunk() { content.append(bytes) }
    parts.append((part, content))
  }
  return parts
}

private func part(_ name: String, _ content: String, file: String? = nil) -> String {
  "--XX\r\nContent-Disposition: form-data; name=\"\(name)\""
    + (file.map { "; filename=\"\($0)\"\r\nContent-Type: image/PNG; q=1" } ?? "")
    + "\r\n\r\n\(content)\r\n"
}

@Suite struct MultipartReaderTests {
  @Test(arguments: [1, 2, 3, 7, 64, Int.max])
  func `parts come out whole however the bytes are cut`(chunk: Int) async throws {
    let tricky = "\r\n--X\r\n--XY\r\n-\r\n--\r\n--XX is not alone\r"
    let text =
      "preamble\r\n" + part("job", "{}") + part("images", tricky, file: "a \\\"b\\\\.png")
      + part("images", "") + "--XX--\r\nepilogue --XX"
    // `\r\n--XX` inside a content is a delimiter by definition, so the tricky one avoids it.
    let clean = text.replacingOccurrences(of: "\r\n--XX is", with: "\r\n --XX is")
    let parts = try await read(clean, chunk: chunk)
    #expect(parts.map(\.0.name) == ["job", "images", "images"])
    #expect(parts[1].0.filename == "a \"b\\.png")
    #expect(parts[1].0.contentType == "image/png")
    #expect(parts[0].1 == Data("{}".utf8))
    #expect(
      parts[1].1 == Data(tricky.replacingOccurrences(of: "\r\n--XX is", with: "\r\n --XX is").utf8))
    #expect(parts[2].1.isEmpty)
  }

  static let malformed = [
    "", "--XX", "no delimiter at all", part("a", "b"), part("a", "b") + "--XX",
    "--XX\r\n\r\ncontent\r\n--XX--",
    "--XX\r\nContent-Disposition: form-data\r\n\r\n\r\n--XX--",
    "--XX\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\n\r\n--XX--",
    "--XX\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n\r\n--XX--",
    "--XX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n\r\n--XX--",
    "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n"
      + "\r\n--XX--",
    "--XX\nContent-Disposition: form-data; name=a\n\nb\n--XX--",
    "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--XX--",
    "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\r\n\r\n--XX--",
    "--XX\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\r\n--XX--",
    "--XX \tx\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--XX--",
  ]

  static let names: [(sent: String, name: String?)] = [
    ("filename=a.png", "a.png"),
    ("filename=\"a.png\"; filename*=UTF-8''%e7%8a%ac%20b.png", "犬 b.png"),
    ("filename*=utf-8'de'%C3%BC.jpg; filename=u.jpg", "ü.jpg"),
    ("filename*=iso-8859-1''%FC%E9.png", "üé.png"),
    ("filename*=us-ascii''plain.png", "plain.png"),
    ("filename=\"=?utf-8?B?54qsLTEucG5n?=\"", "犬-1.png"),
    ("filename=\"=?UTF-8?q?caf=C3=A9_au_lait?= =?utf-8?b?LnBuZw==?=\"", "café au lait.png"),
    ("filename=\"=?iso-8859-1?Q?na=EFve.png?=\"", "naïve.png"),
    // What cannot be decoded is a name as it stands; a broken filename* gives way to filename.
    ("filename=\"=?utf-8?B?*?=\"", "=?utf-8?B?*?="),
    ("filename=\"=?klingon?Q?a?=\"", "=?klingon?Q?a?="),
    ("filename=\"what=?.png\"", "what=?.png"),
    ("filename*=utf-8''%e7%zz; filename=b.png", "b.png"),
    ("filename*=utf-8''%ff.png; filename=c.png", "c.png"),
    ("filename*=utf-8''%ff.png", nil),
    ("x=y", nil),
  ]

  @Test(arguments: names)
  func `a file name is read in each of the ways it is sent`(sent: String, name: String?)
    async throws
  {
    let text =
      "--XX\r\nContent-Disposition: form-data; name=images; \(sent)\r\n\r\nb\r\n--XX--\r\n"
    #expect(try await read(text).map(\.0.filename) == [name])
  }

  @Test(arguments: ["7bit", "8bit", "Binary", "BINARY"])
  func `a part that is sent as it is may say so`(coding: String) async throws {
    let text =
      "--XX \t \r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: \(coding)"
      + "\r\n\r\nb\r\n--XX--  \r\n"
    for chunk in [1, 5, Int.max] {
      #expect(try await read(text, chunk: chunk).map(\.1) == [Data("b".utf8)])
    }
  }

  @Test(arguments: malformed)
  func `a broken body is refused`(text: String) async throws {
    for chunk in [1, Int.max] {
      await #expect {
        _ = try await read(text, chunk: chunk)
      } throws: {
        ($0 as? Problem)?.kind == .malformedMultipart
      }
    }
  }

  @Test func `boundaries and types that RFC 2046 forbids are refused`() async throws {
    for type in [
      "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\"",
      "multipart/form-data; boundary=\"a b \"", "multipart/form-data; boundary=\"a\u{e9}\"",
      "multipart/form-data; boundary=" + String(repeating: "x", count: 71),
    ] {
      #expect {
        _ = try MultipartReader(contentType: type, body: .empty, limits: ServerLimits())
      } throws: {
        ($0 as? Problem)?.kind == .malformedMultipart
      }
    }
    for type in ["application/json", "multipart/mixed; boundary=XX", "text/plain", ";"] {
      await #expect {
        _ = try await read("", type: type)
      } throws: {
        ($0 as? Problem)?.kind == .unsupportedMediaType
      }
    }
    #expect(
      try await read(
        part("a", "b") + "--XX--",
        type: type.uppercased().replacingOccurrences(
          of: "BOUNDARY=XX", with: "Boundary=\"XX\"")
      ).count == 1)
  }

  @Test func `part count, part header and total size have limits`() async throws {
    var limits = ServerLimits()
    limits.parts = 3
    let many = { (count: Int) in (0..<count).map { part("p\($0)", "") }.joined() + "--XX--" }
    #expect(try await read(many(3), limits: limits).count == 3)
    await #expect { _ = try await read(many(4), limits: limits) } throws: {
      ($0 as? Problem)?.kind.status == 413
    }
    await #expect {
      _ = try await read(part(String(repeating: "n", count: 5000), ""))
    } throws: {
      ($0 as? Problem)?.kind.status == 431
    }
    limits.uploadBytes = 100
    await #expect {
      _ = try await read(part("a", String(repeating: "b", count: 100)), limits: limits)
    } throws: { ($0 as? Problem)?.kind.status == 413 }
  }
}
