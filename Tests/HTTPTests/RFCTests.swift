import Foundation
import Testing

@testable import HTTP

/// What the RFCs demand of a server, byte by byte: RFC 9112 (message syntax), RFC 9110 (semantics), RFC 7578 (forms).
@Suite struct RFCTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let section: String
    let sent: String
    /// Status of each answer, in order.
    let statuses: [Int]
    /// Whether the server ends the connection after the last one.
    var closes = false
    var testDescription: String { "\(section): \(sent.prefix(90).debugDescription)" }

    init(_ section: String, _ sent: String, _ statuses: Int..., closes: Bool = false) {
      self.section = section
      self.sent = sent
      self.statuses = statuses
      self.closes = closes
    }
  }

  private static func get(
    _ target: String, _ fields: String = "", host: String? = "localhost", version: String = "1.1"
  ) -> String {
    "GET \(target) HTTP/\(version)\r\n" + (host.map { "Host: \($0)\r\n" } ?? "") + fields + "\r\n"
  }

  private static func post(_ fields: String, _ body: String, version: String = "1.1") -> String {
    "POST /echo HTTP/\(version)\r\nHost: localhost\r\nContent-Type: application/json\r\n\(fields)\r\n\(body)"
  }

  // MARK: RFC 9112

  static let requestLine: [Case] = [
    Case("2.2 LF before a request line is skipped", "\r\n" + get("/healthz"), 200),
    Case(
      "3 unknown method", "BREW /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, closes: true),
    Case(
      "3 methods are case-sensitive", "get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400,
      closes: true),
    Case("3 no version", "GET /healthz\r\nHost: localhost\r\n\r\n", 400, closes: true),
    Case("3 two targets", "GET /healthz /x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, closes: true),
    Case(
      "3 lower-case version", "GET /healthz http/1.1\r\nHost: localhost\r\n\r\n", 400, closes: true),
    Case(
      "2.3 version without a minor number", "GET /healthz HTTP/1\r\nHost: localhost\r\n\r\n", 400,
      closes: true),
    Case(
      "2.3 another major version", "GET /healthz HTTP/2.0\r\nHost: localhost\r\n\r\n", 400,
      closes: true),
    Case("2.3 HTTP/1.0 is spoken and closed", get("/healthz", version: "1.0"), 200, closes: true),
    Case(
      "2.3 HTTP/1.0 without Host", get("/healthz", host: nil, version: "1.0"), 200, closes: true),
    Case("3.2 absolute form", get("http://localhost/healthz"), 200),
    Case("3.2.2 absolute form with a port", get("http://127.0.0.1:80/healthz"), 200),
    Case("3.2.2 absolute form without a path", get("http://localhost"), 404),
    Case("3.2.2 absolute form with a query alone", get("http://localhost?x=1"), 404),
    Case(
      "3.2.2 a foreign absolute form, whatever Host says", get("http://evil.example/hello/a"), 421),
    Case(
      "3.2.2 a local absolute form, whatever Host says",
      get("http://localhost/hello/a", host: "evil.example"), 200),
    Case(
      "3.2.2 absolute form with user information", get("http://a@localhost/healthz"), 400,
      closes: true),
    Case(
      "3.2.2 absolute form of another scheme", get("ftp://localhost/healthz"), 400, closes: true),
    Case("3.2.2 absolute form with an empty host", get("http:///healthz"), 400, closes: true),
    Case("3.2 a target that is no form at all", get("healthz"), 400, closes: true),
    Case("3.2 a broken percent escape", get("/hello/%zz"), 400),
    Case("3.2 NUL in the path", get("/hello/%00"), 400),
  ]

  static let goodHosts = [
    "localhost", "LOCALHOST", "localhost:80", "localhost:", "127.0.0.1", "127.0.0.1:65535",
    "127.9.9.9",
    "[::1]", "[::1]:8080", "[0:0:0:0:0:0:0:1]",
  ]
  static let brokenHosts = [
    "127.0.0.1:abc", "127.0.0.1:80:80", "localhost:65536", "localhost:-1", "localhost:+80",
    "[::1]evil.example",
    "[::1]:abc", "[::1", "::1", "[127.0.0.1]", "[]", "localhost:80@evil.example", "a@localhost",
    "localhost/x",
    "localhost?x", "localhost#x", "local host", "localhost\\x", "\"localhost\"", "<localhost>",
    "local\thost",
    "%zz", "localhost, localhost", "[::g]", ":80", "localhost:80 80", "[::1]]", "[[::1]]",
    "lo{calhost",
  ]
  static let foreignHosts = [
    "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1", "[::2]",
    "notlocalhost",
    "localhost.", "0.0.0.0", "[::ffff:8.8.8.8]", "xn--localhost",
  ]

  static let hosts: [Case] =
    goodHosts.map {
      Case("RFC 9110 7.2 Host", get("/hello/a", host: $0), $0.hasPrefix("[0:") ? 421 : 200)
    }
    + brokenHosts.flatMap { host in
      ["/hello/a", "/healthz"].map {
        Case("RFC 9112 3.2 invalid Host", get($0, host: host), 400, closes: true)
      }
    }
    + foreignHosts.map { Case("RFC 9110 7.2 foreign Host", get("/hello/a", host: $0), 421) }
    + [
      Case("3.2 no Host", get("/healthz", host: nil), 400, closes: true),
      Case("3.2 two Hosts", get("/healthz", "Host: localhost\r\n"), 400, closes: true),
      Case("3.2 empty Host", get("/healthz", host: ""), 200),
    ]

  static let fields: [Case] = [
    Case("5.1 blank before the colon", get("/healthz", "X-A : 1\r\n"), 400, closes: true),
    Case("5.1 tab before the colon", get("/healthz", "X-A\t: 1\r\n"), 400, closes: true),
    Case("5 no colon", get("/healthz", "X-A\r\n"), 400, closes: true),
    Case("5 empty name", get("/healthz", ": 1\r\n"), 400, closes: true),
    Case("5.1 blanks around a value", get("/healthz", "X-A: \t 1 \t\r\n"), 200),
    Case("5 empty value", get("/healthz", "X-A:\r\n"), 200),
    Case("5.2 folded line", get("/healthz", "X-A: 1\r\n 2\r\n"), 400, closes: true),
    Case(
      "2.2 blank before the first field", "GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", 400,
      closes: true),
    Case("5.5 NUL in a value", get("/healthz", "X-A: a\0b\r\n"), 400, closes: true),
    Case("2.2 bare CR in a value", get("/healthz", "X-A: a\rb\r\n"), 400, closes: true),
    Case("5.1 separator in a name", get("/healthz", "X(A: 1\r\n"), 400, closes: true),
    Case("5.1 non-ASCII name", get("/healthz", "X-é: 1\r\n"), 400, closes: true),
    Case("5.5 UTF-8 in a value", get("/healthz", "X-A: é\r\n"), 200),
  ]

  static let framing: [Case] = [
    Case("6.2 length", post("Content-Length: 2\r\n", "{}"), 200),
    Case("6.3 no length is no body", post("", ""), 200),
    Case(
      "6.2 two equal lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"), 400,
      closes: true),
    Case(
      "6.2 two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 400, closes: true
    ),
    Case(
      "6.1 both framings", post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
      400, closes: true),
    Case("6.1 unknown coding", post("Transfer-Encoding: gzip\r\n", ""), 501, closes: true),
    Case(
      "6.1 chunked not last", post("Transfer-Encoding: chunked, gzip\r\n", ""), 400, closes: true),
    Case(
      "6.1 chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 400,
      closes: true),
    Case(
      "6.1 codings compare without case",
      post("Transfer-Encoding: Chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"), 200),
    Case(
      "6.1 chunked from HTTP/1.0 is answered and closed",
      post(
        "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", "2\r\n{}\r\n0\r\n\r\n",
        version: "1.0"),
      200, closes: true),
    Case(
      "7.1 chunks", post("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), 200),
    Case(
      "7.1 size in hex, either case",
      post("Transfer-Encoding: chunked\r\n", "A\r\n{\"a\":1   }\r\n0\r\n\r\n"), 200),
    Case(
      "7.1.1 extensions",
      post("Transfer-Encoding: chunked\r\n", "2;a=b;c=\"d\"\r\n{}\r\n0\r\n\r\n"), 200),
    Case(
      "7.1.2 trailers", post("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n"),
      200),
    Case(
      "9.3 pipelined requests are answered in order",
      post("Content-Length: 2\r\n", "{}") + get("/healthz") + get("/nothing"), 200, 200, 404),
    Case(
      "9.3.2 an answer is owed to the request before broken bytes",
      get("/healthz") + "\u{1}\u{2}garbage\r\n\r\n", 200, 400, closes: true),
    Case(
      "9.3.2 two answers are owed before a broken Host",
      post("Content-Length: 2\r\n", "{}") + get("/healthz") + get("/healthz", host: "a@b"),
      200, 200, 400, closes: true),
    Case(
      "9.3.2 an answer is owed before a broken chunk",
      get("/healthz") + post("Transfer-Encoding: chunked\r\n", "zz\r\n"), 200, 400, closes: true),
    Case(
      "9.3.2 an answer is owed before a request line that is too long",
      get("/healthz") + get("/" + String(repeating: "a", count: 9000)), 200, 414, closes: true),
    Case("9.6 close is obeyed", get("/healthz", "Connection: close\r\n"), 200, closes: true),
    Case(
      "9.6 close among others", get("/healthz", "Connection: foo, Close\r\n"), 200, closes: true),
    Case(
      "9.3 HTTP/1.0 stays open when asked",
      get("/healthz", "Connection: keep-alive\r\n", version: "1.0"), 200),
    Case(
      "9.6 nothing after close is answered",
      get("/healthz", "Connection: close\r\n") + get("/healthz"), 200, closes: true),
  ]

  static let badLengths: [Case] = [
    "-1", "+2", "2a", "0x2", "2, 3", "2,2", "", "2.0", "1e1", "99999999999999999999", "\u{662}",
    "2 2", "2;",
  ].map { Case("6.2 length \($0)", post("Content-Length: \($0)\r\n", "{}"), 400, closes: true) }

  static let badChunks: [Case] = [
    "g\r\n{}\r\n0\r\n\r\n", "-2\r\n{}\r\n0\r\n\r\n", "+2\r\n{}\r\n0\r\n\r\n",
    "0x2\r\n{}\r\n0\r\n\r\n",
    " 2\r\n{}\r\n0\r\n\r\n", "ffffffffffffffffff\r\n{}", "2\r\n{}0\r\n\r\n", "2\r\n{}xx0\r\n\r\n",
    "\r\n",
    ";a\r\n{}\r\n0\r\n\r\n",
  ].map { Case("7.1 chunk", post("Transfer-Encoding: chunked\r\n", $0), 400, closes: true) }

  // MARK: RFC 9110

  static let semantics: [Case] = [
    Case(
      "8.4 gzip is not taken", post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}"), 415,
      closes: true),
    Case(
      "8.4 two codings", post("Content-Encoding: identity, br\r\nContent-Length: 2\r\n", "{}"), 415,
      closes: true),
    Case(
      "8.4 any case", post("Content-Encoding: GZip\r\nContent-Length: 2\r\n", "{}"), 415,
      closes: true),
    Case(
      "8.4 a coding in chunks",
      post("Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
      415, closes: true),
    Case("8.4.1 identity", post("Content-Encoding: identity\r\nContent-Length: 2\r\n", "{}"), 200),
    Case("8.4 without a body it says nothing", get("/healthz", "Content-Encoding: gzip\r\n"), 200),
    Case(
      "8.3 two types", post("Content-Type: text/plain\r\nContent-Length: 2\r\n", "{}"), 400,
      closes: true),
    Case("10.1.1 unknown expectation", get("/hello/a", "Expect: tea\r\n"), 417),
    Case(
      "10.1.1 expectations compare without case",
      post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "{}"), 100, 200),
    Case(
      "10.1.1 100 before a body is read",
      post("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}"), 100, 200),
    Case(
      "10.1.1 no 100 without a body", post("Expect: 100-continue\r\nContent-Length: 0\r\n", ""), 200
    ),
    Case("10.1.1 no 100 without framing", post("Expect: 100-continue\r\n", ""), 200),
    Case(
      "10.1.1 no 100 to HTTP/1.0",
      post("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}", version: "1.0"), 200, closes: true
    ),
    Case(
      "10.1.1 no 100 when the header decides",
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
      415, closes: true),
    Case(
      "10.1.1 no 100 for what is too large",
      post("Expect: 100-continue\r\nContent-Length: 1048577\r\n", ""), 413, closes: true),
    Case("9.1 another method", "DELETE /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    Case("15.5.5 no such path", get("/nothing"), 404),
  ]

  static let all =
    requestLine + hosts + fields + framing + badLengths + badChunks + semantics

  @Test(arguments: all)
  func `the wire is answered as the RFCs demand`(_ test: Case) async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(test.sent)
      for status in test.statuses {
        let answer = try client.answer()
        #expect(answer.status == status)
        if answer.status >= 200 { #expect(answer.header("Date") != nil) }
        if answer.status >= 400 {
          let id = try #require(answer.header("X-Request-Id"))
          #expect(answer.json["request_id"] as? String == id)
        }
        if answer.status == 415 {
          #expect(answer.json["code"] as? String == "unsupported_media_type")
        }
      }
      if test.closes {
        #expect(client.read(1) == 0, "the connection must end")
      } else {
        client.send(Self.get("/healthz", "X-Request-Id: last\r\n"))
        let next = try client.answer()
        #expect(next.status == 200)
        #expect(next.header("X-Request-Id") == "last", "nothing else was waiting to be read")
      }
    }
  }
}
