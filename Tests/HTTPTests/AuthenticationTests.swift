import Foundation
import Testing

@testable import HTTP

/// SHA-256 of `secret` and of `reader`.
private let file = """
  # who  access digest
  ann  write  2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b
  bob  read   3d0941964aa3ebdcb00ccef58b1bb399f9f898465e9886d5aec7f31090a0fb30  # may look
  """

@Suite struct AuthenticationTests {
  @Test func `a key decides what a request may do`() async throws {
    let keys = try APIKeys(file: file)
    try await withServer(keys: keys) { (port: Int) throws in
      func answer(_ method: String, _ target: String, _ extra: String) throws -> RawClient.Answer {
        var client = try RawClient(port: port)
        client.send(
          "\(method) \(target) HTTP/1.1\r\nHost: any.example\r\nContent-Type: application/json\r\n"
            + "\(extra)Content-Length: 0\r\n\r\n")
        return try client.answer()
      }
      #expect(try answer("GET", "/healthz", "").status == 200)
      let missing = try answer("GET", "/hello/a", "")
      #expect(missing.status == 401)
      #expect(missing.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
      let ann = "Authorization: Bearer secret\r\n"
      let bob = "Authorization: bearer reader\r\n"
      #expect(
        String(decoding: try answer("GET", "/hello/a", ann).body, as: UTF8.self) == "hello a ann")
      #expect(try answer("POST", "/echo", ann).status == 200)
      #expect(try answer("GET", "/hello/a", bob).status == 200)
      #expect(try answer("POST", "/echo", bob).status == 403)
      for wrong in [
        "Authorization: Bearer secre\r\n", "Authorization: Bearer secrets\r\n",
        "Authorization: Basic secret\r\n", "Authorization: secret\r\n",
        "Authorization: Bearer \r\n",
        ann + ann,
      ] {
        #expect(try answer("GET", "/hello/a", wrong).status == 401)
      }
    }
  }

  @Test func `a key file with a fault names its line`() {
    for (text, failure) in [
      ("ann write", APIKeys.Failure.malformed(line: 1, reason: "2 fields in place of 3")),
      ("#\nann admin 00", .malformed(line: 2, reason: "access is admin")),
      ("ann write 00", .malformed(line: 1, reason: "the digest is not 64 hex digits")),
      (
        file + "\nann read \(String(repeating: "0", count: 64))",
        .malformed(line: 4, reason: "the name ann is taken")
      ),
      (
        "ann write E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        .malformed(line: 1, reason: "the digest is that of an empty key")
      ),
      ("# nobody\n", .empty),
    ] {
      #expect(throws: failure) { _ = try APIKeys(file: text) }
    }
  }
}
