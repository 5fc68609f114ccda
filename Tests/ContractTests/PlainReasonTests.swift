import Contract
import Foundation
import Testing

@Suite struct PlainReasonTests {
  private struct Own: Error, CustomStringConvertible { let description = "the photo is black" }

  @Test func `own errors speak for themselves`() {
    #expect(PlainReason.of(Own()) == "the photo is black")
    #expect(PlainReason.of(EngineError(.nonfinite, "loss")) == "nonfinite: loss")
  }

  @Test func `errors of Foundation tell no path and no type`() throws {
    let path = "/nowhere/\(UUID().uuidString)/secret.png"
    let attempts: [() throws -> Void] = [
      { _ = try Data(contentsOf: URL(filePath: path)) },
      { try FileManager.default.copyItem(atPath: path, toPath: "\(path).copy") },
      { try FileManager.default.removeItem(atPath: path) },
      { throw NSError(domain: NSPOSIXErrorDomain, code: 2, userInfo: [NSFilePathErrorKey: path]) },
    ]
    for attempt in attempts {
      let error = try #require(throws: (any Error).self) { try attempt() }
      #expect(PlainReason.of(error) == "a file could not be read or written")
    }
    let error = try #require(throws: DecodingError.self) {
      try JSONDecoder().decode([Int].self, from: Data("{}".utf8))
    }
    #expect(PlainReason.of(error) == "something that was stored or sent has an unknown form")
  }
}
