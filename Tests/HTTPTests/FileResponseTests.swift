import Foundation
import Testing

@testable import HTTP

@Suite struct FileResponseTests {
  @Test func `ranges, conditions and HEAD follow RFC 9110`() async throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let bytes = Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
    try bytes.write(to: folder.appendingPathComponent("file"))
    let cases: [(String, Int, Range<Int>?)] = [
      ("", 200, 0..<200_000), ("Range: bytes=0-0\r\n", 206, 0..<1),
      ("Range: bytes=100-\r\n", 206, 100..<200_000),
      ("Range: bytes=-7\r\n", 206, 199_993..<200_000),
      ("Range: bytes=-900000\r\n", 206, 0..<200_000),
      ("Range: bytes=10-900000\r\n", 206, 10..<200_000),
      ("Range: bytes=200000-\r\n", 416, nil), ("Range: bytes=-0\r\n", 416, nil),
      ("Range: bytes=5-4\r\n", 200, 0..<200_000), ("Range: bytes=1-2,5-6\r\n", 200, 0..<200_000),
      ("Range: lines=1-2\r\n", 200, 0..<200_000), ("Range: bytes=+1-2\r\n", 200, 0..<200_000),
      ("Range: bytes=0-9\r\nIf-Range: \"abc\"\r\n", 206, 0..<10),
      ("Range: bytes=0-9\r\nIf-Range: \"old\"\r\n", 200, 0..<200_000),
      ("If-None-Match: \"x\", \"abc\"\r\n", 304, 0..<0), ("If-None-Match: *\r\n", 304, 0..<0),
      ("If-None-Match: \"x\"\r\n", 200, 0..<200_000),
    ]
    try await withServer(folder: folder) { (port: Int) throws in
      var client = try RawClient(port: port)
      for (extra, status, range) in cases {
        client.send("GET /file HTTP/1.1\r\nHost: localhost\r\n\(extra)\r\n")
        let answer = try client.answer()
        #expect(answer.status == status, "\(extra)")
        if let range { #expect(answer.body == bytes[range], "\(extra)") }
        if status == 206, let range {
          #expect(
            answer.header("Content-Range")
              == "bytes \(range.lowerBound)-\(range.upperBound - 1)/200000")
        }
        if status == 416 { #expect(answer.header("Content-Range") == "bytes */200000") }
        if status != 416 { #expect(answer.header("ETag") == "\"abc\"") }
      }
      client.send("HEAD /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
      let head = try client.answer(head: true)
      #expect(head.header("Content-Length") == "200000")
      #expect(head.header("Content-Disposition") == "attachment; filename=\"a__b_.png\"")
    }
  }

  @Test func `a link and a missing file are not served`() async throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createSymbolicLink(
      atPath: folder.appendingPathComponent("file").path, withDestinationPath: "/etc/hostname")
    try await withServer(folder: folder) { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send("GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
      #expect(try client.answer().status == 404)
    }
  }
}
