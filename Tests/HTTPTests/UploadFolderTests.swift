import Foundation
import Testing

@testable import HTTP

@Suite struct UploadFolderTests {
  private static let hostile: [String] = {
    var names = [
      "../../etc/passwd", "..", ".", "/etc/passwd", "C:\\windows\\system32", "a/b/c.png", "~root",
      "con", "nul.png", "a b.png", ".htaccess", "\u{202E}gnp.exe", "e\u{301}.png", "a;b.png",
      "$(reboot).png", "`id`.png", "-rf", "%2e%2e%2f", "..%00.png",
      String(repeating: "n", count: 900),
    ]
    for depth in 1...90 { names.append(String(repeating: "../", count: depth) + "x.png") }
    for code in 0x21..<0x7F where code != 0x22 && code != 0x5C {
      names.append("..\(Character(UnicodeScalar(UInt8(code))))x")
    }
    return names
  }()

  @Test func `P20 200 hostile names stay data, and equal names are both kept`() async throws {
    let names = Self.hostile + ["same.png", "same.png"]
    #expect(names.count >= 200)
    let parent = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: parent) }
    var limits = ServerLimits()
    limits.parts = names.count
    let text =
      names.enumerated().map { index, name in
        "--XX\r\nContent-Disposition: form-data; name=\"images\"; filename=\"\(name)\"\r\n\r\n"
          + "content \(index)\r\n"
      }.joined() + "--XX--"
    var reader = try MultipartReader(
      contentType: "multipart/form-data; boundary=XX", body: RequestBody(chunks: [Data(text.utf8)]),
      limits: limits)
    var folder: UploadFolder? = try UploadFolder(in: parent)
    let home = try #require(folder).url
    var files: [UploadFolder.File] = []
    while let part = try await reader.next() {
      files.append(
        try await #require(folder).store(part, files.count, from: &reader, limit: 1000))
    }
    #expect(files.map(\.part.filename) == names)
    #expect(Set(files.map(\.url)).count == names.count)
    for (index, file) in files.enumerated() {
      #expect(file.url.deletingLastPathComponent().path == home.path)
      #expect(try Data(contentsOf: file.url) == Data("content \(index)".utf8))
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path).count == 1)
    folder = nil
    #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path).isEmpty)
  }

  @Test func `a file past its limit is refused and leaves nothing`() async throws {
    let parent = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: parent) }
    var limits = ServerLimits()
    limits.fileBytes = 1000
    for (count, status) in [(1000, 200), (1001, 413)] {
      let bytes = String(repeating: "x", count: count)
      let body = "--XX\r\nContent-Disposition: form-data; name=f\r\n\r\n\(bytes)\r\n--XX--"
      try await withServer(limits: limits, folder: parent) { (port: Int) throws in
        var client = try RawClient(port: port)
        client.send(
          "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.utf8.count)\r\n"
            + "Content-Type: multipart/form-data; boundary=XX\r\n\r\n\(body)")
        #expect(try client.answer().status == status)
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path).isEmpty)
    }
  }
}
