import Foundation
import Testing

@testable import HTTP

/// The grammars of RFC 9110, 9112 and 3986, character by character: what each allows is answered, what it forbids is
/// refused and ends the connection.
@Suite struct RFCGrammarTests {
  typealias Case = RFCTests.Case

  private static func request(
    _ method: String = "GET", _ target: String = "/healthz", version: String = "HTTP/1.1",
    _ fields: String = ""
  ) -> String { "\(method) \(target) \(version)\r\nHost: localhost\r\n\(fields)\r\n" }

  private static func post(_ fields: String, _ body: String) -> String {
    request("POST", "/echo", "Content-Type: application/json\r\n\(fields)") + body
  }

  private static func chunked(_ body: String) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
  }

  /// What stands between tokens (RFC 9110 5.6.2), and what is no text at all.
  private static let delimiters = Array("\"(),/;<=>?@[\\]{}").map(String.init)
  private static let controls = (1...31).filter { ![9, 10, 13].contains($0) }.map {
    String(UnicodeScalar(UInt8($0)))
  }
  private static let tokenMarks = Array("!#$%&'*+-.^_`|~").map(String.init)

  static let names: [Case] =
    delimiters.map {
      Case("9110 5.1 name with \($0)", request("X\($0)A: 1\r\n"), 400, closes: true)
    }
    + controls.map {
      Case("9110 5.1 name with a control", request("X\($0)A: 1\r\n"), 400, closes: true)
    }
    + [" ", "\u{7f}", "\u{80}", "ü"].map {
      Case("9110 5.1 name with no token character", request("X\($0)A: 1\r\n"), 400, closes: true)
    }
    + tokenMarks.map { Case("9110 5.1 name with \($0)", request("X\($0)A: 1\r\n"), 200) }

  private static func request(_ fields: String) -> String {
    request("GET", "/healthz", version: "HTTP/1.1", fields)
  }

  static let values: [Case] =
    controls.map {
      Case("9110 5.5 value with a control", request("X-A: a\($0)b\r\n"), 400, closes: true)
    }
    + ["\0", "\u{7f}"].map {
      Case("9110 5.5 value with NUL or DEL", request("X-A: a\($0)b\r\n"), 400, closes: true)
    }
    + delimiters.map { Case("9110 5.5 value with \($0)", request("X-A: a\($0)b\r\n"), 200) }
    + ["a\tb", "a b", "\"a\\\"b\"", "(a (b))", "ü", "漢字"].map {
      Case("9110 5.5 value", request("X-A: \($0)\r\n"), 200)
    }

  static let methods: [Case] =
    (delimiters + controls + ["\u{7f}", "ü"]).map {
      Case(
        "9112 3.1 method with no token character", request("G\($0)T", "/healthz"), 400, closes: true
      )
    }
    + ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"].map {
      Case("9110 9.1 known method, not this path's", request($0, "/healthz"), 405)
    }

  static let targets: [Case] =
    ["%", "%4", "%g0", "%0g", "%-1", "%%20"].map {
      Case("3986 2.1 escape \($0)", request("GET", "/hello/a\($0)"), 400)
    }
    + ["%41", "%c3%a4", "%C3%A4", "%7E", "a%20b", "a+b", "~a", "a:b@c", "a!$&'()*+,;="].map {
      Case("3986 3.3 segment \($0)", request("GET", "/hello/\($0)"), 200)
    }
    + ["%00", "%ff", "%c3", "%c3%28", "%ed%a0%80", "%c0%af", "%f5%80%80%80"].map {
      Case("3629 3 no UTF-8: \($0)", request("GET", "/hello/\($0)"), 400)
    }
    + controls.map {
      Case("9112 3.2 target with a control", request("GET", "/hello/\($0)"), 400, closes: true)
    }
    + ["\u{7f}", "a b", "a\tb"].map {
      Case("9112 3.2 target with a blank", request("GET", "/hello/\($0)"), 400, closes: true)
    }
    + ["/../healthz", "/hello/..", "//healthz", "/healthz/", "/./healthz", "/HEALTHZ"].map {
      Case(
        "3986 6.2 another path: \($0)", request("GET", $0),
        $0 == "/hello/.." || $0 == "/healthz/" ? 200 : 404)
    }

  static let versions: [Case] = [
    "HTTP/0.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/1.", "HTTP/.1", "HTTP/1.1.1", "HTTP/11",
    "HTTP/1.10", "HTTP/+1.1", "HTTP/1,1", "HTTP /1.1", "HTTPS/1.1", "Http/1.1", "http/1.1", "1.1",
    "HTTP/1.1 ", "HTTP/1.1\t", "HTTP/a.b", "HTTP/１.1", "ICY/1.1", "HTTP-1.1",
  ].map {
    Case("9112 2.3 version \($0)", request("GET", "/healthz", version: $0), 400, closes: true)
  }

  static let codings: [Case] =
    [
      "xchunked", "chunkedx", "chun ked", "\"chunked\"", "chunked;", "chunked;q=1", "gzip, chunked",
      "identity", "identity, chunked", "chunked, identity", "", ",", "chunked,",
      "chunked, deflate", "trailers", "chunked chunked", "\u{b}chunked", "[chunked", "chunked\0",
    ].map {
      Case("9112 6.1 coding \($0)", post("Transfer-Encoding: \($0)\r\n", "0\r\n\r\n"), refused)
    }
    + ["chunked", ",chunked", "CHUNKED", "cHuNkEd", "  chunked", "chunked  ", "\tchunked\t"].map {
      Case(
        "9112 6.1 coding \($0)", post("Transfer-Encoding: \($0)\r\n", "2\r\n{}\r\n0\r\n\r\n"), 200)
    }

  /// 400 or 501: both are right, as long as nothing is read as a body.
  static let refused = -1

  static let chunks: [Case] =
    ["2", "02", "002", "0000000000000002", "2;a", "2;a=b", "2;a=\"b;c\"", "2;a;b;c"].map {
      Case("9112 7.1 chunk size \($0)", chunked("\($0)\r\n{}\r\n0\r\n\r\n"), 200)
    }
    + [
      "", " ", "z", "2g", "-2", "+2", "0x2", "2.0", "2,", "２", "\t2", "10000000000000000",
      "fffffffffffffffff", "2\n", "2\r", "2\0",
    ].map {
      Case("9112 7.1 chunk size \($0)", chunked("\($0)\r\n{}\r\n0\r\n\r\n"), 400, closes: true)
    }
    + [
      "2\r\n{}0\r\n\r\n", "2\r\n{}\n0\r\n\r\n", "2\r\n{}\r0\r\n\r\n", "2\r\n{} \r\n0\r\n\r\n",
      "1\r\n{}\r\n0\r\n\r\n", "2\n{}\n0\n\n", "2\r\n{}\r\n0\r\nX\r\n\r\n",
      "2\r\n{}\r\n0\r\n: a\r\n\r\n", "2\r\n{}\r\n0\r\nX Y: a\r\n\r\n",
      "2\r\n{}\r\n0\r\nX: a\0b\r\n\r\n", "2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n",
      "2\r\n{}\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n",
    ].map { Case("9112 7.1 chunk data", chunked($0), 400, closes: true) }
    + [
      "X: 1", "X: 1\r\nY: 2", "Host: evil.example", "Connection: x",
    ]
    .map {
      Case(
        "9110 6.5.1 trailers change nothing: \($0)", chunked("2\r\n{}\r\n0\r\n\($0)\r\n\r\n"), 200)
    }

  static let lengths: [Case] =
    ["0", "00", "02", "2", " 2", "2 ", "\t2\t"].map {
      let isEmpty = $0.allSatisfy { $0 == "0" }
      return Case(
        "9110 8.6 length \($0)", post("Content-Length: \($0)\r\n", isEmpty ? "" : "{}"), 200)
    }
    + ["٢", "2\0", "2\u{b}", "\"2\"", "2 0", "2\t0", "0b10", "2L", "2_0", "--2", "2-", "NaN", "∞"]
    .map {
      Case("9110 8.6 length \($0)", post("Content-Length: \($0)\r\n", "{}"), 400, closes: true)
    }

  static let connections: [Case] =
    ["close", "CLOSE", "keep-alive, close", "close, keep-alive", " close ", "x,close", "close,"].map
  {
    Case("9110 7.6.1 \($0)", request("Connection: \($0)\r\n"), 200, closes: true)
  }
    + ["keep-alive", "closed", "unclose", "x", "te", "host"].map {
      Case("9110 7.6.1 \($0)", request("Connection: \($0)\r\n"), 200)
    }
    + [
      Case(
        "9110 9.3.6 no tunnel is made", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        400, closes: true),
      Case(
        "9112 9.3 HTTP/1.0 closes", request("GET", "/healthz", version: "HTTP/1.0"), 200,
        closes: true),
      Case(
        "9112 9.3 HTTP/1.0 with close",
        request("GET", "/healthz", version: "HTTP/1.0", "Connection: close\r\n"), 200, closes: true),
      Case(
        "9110 7.8 an upgrade may be ignored",
        request("Connection: upgrade\r\nUpgrade: websocket\r\n"), 200),
      Case(
        "9110 7.8 h2c is not spoken",
        request(
          "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
        200),
    ]

  static let all =
    names + values + methods + targets + versions + codings + chunks + lengths + connections

  @Test func `there are at least 250 cases here`() { #expect(Self.all.count >= 250) }

  @Test(arguments: all)
  func `the grammar is kept`(_ test: Case) async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(test.sent)
      for status in test.statuses {
        let answer = try client.answer()
        if status == Self.refused {
          #expect([400, 501].contains(answer.status))
        } else {
          #expect(answer.status == status, "\(String(decoding: answer.body, as: UTF8.self))")
        }
        #expect(answer.header("Date") != nil)
        if answer.status >= 400 {
          #expect(answer.header("Content-Type") == "application/problem+json")
          #expect(answer.json["request_id"] as? String == answer.header("X-Request-Id"))
        }
      }
      if test.closes || test.statuses == [Self.refused] {
        #expect(client.read(1) == 0, "the connection must end")
      } else {
        client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: last\r\n\r\n")
        let next = try client.answer()
        #expect(next.header("X-Request-Id") == "last", "nothing else was waiting to be read")
      }
    }
  }
}
