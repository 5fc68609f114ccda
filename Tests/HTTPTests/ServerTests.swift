import Foundation
import Testing

@testable import HTTP

private func get(_ target: String, _ extra: String = "") -> String {
  "GET \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\n\(extra)\r\n"
}

@Suite(.serialized) struct ServerTests {
  @Test func `one connection answers many requests, each with an id of its own`() async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(get("/hello/a%2Fb"))
      let first = try client.answer()
      #expect(first.status == 200)
      #expect(String(decoding: first.body, as: UTF8.self) == "hello a/b anyone")
      client.send(get("/hello/c", "X-Request-Id: mine-1\r\n"))
      let second = try client.answer()
      #expect(second.header("X-Request-Id") == "mine-1")
      #expect(first.header("X-Request-Id") != nil)
      #expect(first.header("Date") != nil)
      #expect(first.header("X-Content-Type-Options") == "nosniff")
      client.send(get("/hello/d", "X-Request-Id: a\u{7}b\r\n"))
    }
  }

  @Test func `pipelined requests are answered in order`() async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(get("/hello/1") + get("/nothing") + get("/hello/3"))
      #expect(try client.answer().status == 200)
      #expect(try client.answer().status == 404)
      #expect(String(decoding: try client.answer().body, as: UTF8.self).hasPrefix("hello 3"))
    }
  }

  @Test func `HEAD has the headers of GET and no body`() async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send("HEAD /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n" + get("/hello/b"))
      let head = try client.answer(head: true)
      #expect(head.status == 200)
      #expect(head.header("Content-Length") == "14")
      #expect(try client.answer().status == 200)
    }
  }

  static let refused: [(String, Int, String)] = [
    (get("/nothing"), 404, "not_found"),
    ("DELETE /hello/a HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method_not_allowed"),
    ("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "malformed_request"),
    ("GET /hello/a HTTP/1.1\r\n\r\n", 400, "malformed_request"),
    (
      "GET /hello/a HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400,
      "malformed_request"
    ),
    ("GET /hello/a HTTP/1.1\r\nHost : localhost\r\n\r\n", 400, "malformed_request"),
    ("nonsense\r\n\r\n", 400, "malformed_request"),
    ("GET /hello/a HTTP/3.7\r\nHost: localhost\r\n\r\n", 400, "malformed_request"),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
      400, "malformed_request"
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -2\r\n\r\nabc", 400,
      "malformed_request"
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked"
        + "\r\n\r\n0\r\n\r\n", 400, "malformed_request"
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      501, "not_implemented"
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"
        + "Content-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"
    ),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + "Content-Length: 1048577\r\n\r\n", 413, "body_too_large"
    ),
    (get("/hello/a", "Expect: tea\r\n"), 417, "expectation_failed"),
    ("GET /hello/a HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "misdirected_request"),
    (
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
        + "Content-Length: 0\r\n\r\n", 403, "forbidden"
    ),
    (get("/boom"), 500, "internal"),
  ]

  @Test(arguments: refused.indices)
  func `P13 every refusal is a problem with a code`(index: Int) async throws {
    let (bytes, status, code) = Self.refused[index]
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(bytes)
      let answer = try client.answer()
      #expect(answer.status == status)
      #expect(answer.header("Content-Type") == "application/problem+json")
      #expect(answer.json["code"] as? String == code)
      #expect(answer.json["status"] as? Int == status)
      #expect(answer.json["type"] as? String == "/problems/\(code)")
      #expect((answer.json["request_id"] as? String)?.isEmpty == false)
      #expect(!String(decoding: answer.body, as: UTF8.self).contains("Cocoa"))
      if status == 405 { #expect(answer.header("Allow") == "GET, HEAD") }
    }
  }

  @Test func `limits hold at the limit and one byte past it`() async throws {
    try await withServer { (port: Int) throws in
      func status(_ bytes: String) throws -> Int {
        var client = try RawClient(port: port)
        client.send(bytes)
        return try client.answer().status
      }
      let line = 8 << 10
      let fixed = "GET /hello/ HTTP/1.1".utf8.count
      #expect(try status(get("/hello/" + String(repeating: "a", count: line - fixed))) == 200)
      #expect(try status(get("/hello/" + String(repeating: "a", count: line - fixed + 2))) == 414)
      #expect(try status("GET /" + String(repeating: "a", count: 20_000)) == 414)

      let host = "Host: 127.0.0.1\r\n".utf8.count
      let name = "X-Long: \r\n".utf8.count
      func long(_ count: Int) -> String { "X-Long: \(String(repeating: "b", count: count))\r\n" }
      #expect(try status(get("/hello/a", long((32 << 10) - host - name))) == 200)
      #expect(try status(get("/hello/a", long((32 << 10) - host - name + 1))) == 431)
      #expect(try status(get("/hello/a", long(60_000))) == 431)
      let fields = { (count: Int) in (0..<count).map { "X-\($0): 1\r\n" }.joined() }
      #expect(try status(get("/hello/a", fields(99))) == 200)
      #expect(try status(get("/hello/a", fields(100))) == 431)

      func echo(_ count: Int) -> String {
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          + "Content-Length: \(count)\r\n\r\n" + String(repeating: "1", count: count)
      }
      #expect(try status(echo(1 << 20)) == 200)
      #expect(try status(echo((1 << 20) + 1)) == 413)
      let chunked =
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + "Transfer-Encoding: chunked\r\n\r\n100001\r\n"
        + String(repeating: "1", count: 0x100001) + "\r\n0\r\n\r\n"
      #expect(try status(chunked) == 413)
    }
  }

  @Test func `Expect is answered by the headers before any body byte`() async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
      #expect(try client.answer().status == 100)
      client.send("{}")
      #expect(try client.answer().status == 200)

      for (target, length, status) in [("/nothing", 5, 404), ("/echo", 9_000_000, 413)] {
        var refused = try RawClient(port: port)
        refused.send(
          "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(length)\r\nExpect: 100-continue\r\n\r\n")
        #expect(try refused.answer().status == status)
      }
    }
  }

  @Test func `a refused upload still gets its answer while the client sends`() async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      let body = Data(count: 6 << 20)
      client.send(
        "POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n\r\n")
      client.send(body)
      let answer = try client.answer()
      #expect(answer.status == 404)
      #expect(answer.header("Connection") == "close")
    }
  }

  @Test func `slow headers, slow bodies and slow readers are cut`() async throws {
    var limits = ServerLimits()
    limits.deadlines.header = 1
    limits.deadlines.grace = 1
    limits.deadlines.idle = 1
    try await withServer(limits: limits) { (port: Int) throws in
      var slowHeader = try RawClient(port: port)
      slowHeader.send("GET /hello/a HTTP/1.1\r\n")
      #expect(try slowHeader.answer().status == 408)

      var slowBody = try RawClient(port: port)
      slowBody.send(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          + "Content-Length: 100000\r\n\r\n1")
      let answer = try slowBody.answer()
      #expect(answer.status == 408)
      #expect(answer.json["code"] as? String == "request_timeout")

      let idle = try RawClient(port: port)
      #expect(idle.read(1) == 0)
    }
  }

  @Test func `who does not read an answer, or one byte a second, is cut`() async throws {
    var limits = ServerLimits()
    limits.deadlines.readingWindow = 2
    try await withServer(limits: limits) { (port: Int) throws in
      let deaf = try RawClient(port: port, receiveBuffer: 4096)
      let dripping = try RawClient(port: port, receiveBuffer: 4096)
      var steady = try RawClient(port: port)
      for sent in [deaf.send(get("/big")), dripping.send(get("/big")), steady.send(get("/big"))] {
        #expect(sent)
      }
      #expect(try steady.answer().body.count == 64 << 20)
      for _ in 0..<5 {
        Thread.sleep(forTimeInterval: 1)
        _ = dripping.read(1)
      }
      for client in [deaf.bytesUntilClosed(), dripping.bytesUntilClosed()] {
        #expect(client < 8 << 20)
      }
    }
  }

  @Test func `a body that comes too slowly for its size is cut`() async throws {
    var limits = ServerLimits()
    limits.deadlines.patience = 1
    try await withServer(limits: limits) { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          + "Content-Length: 100000\r\n\r\n")
      // Faster than the least rate, slower than the steady one.
      for _ in 0..<6 {
        client.send(String(repeating: " ", count: 2000))
        Thread.sleep(forTimeInterval: 0.5)
      }
      let answer = try client.answer()
      #expect(answer.status == 408)
      #expect((answer.json["detail"] as? String)?.contains("16384") == true)
    }
  }

  @Test func `a connection too many is told so and closed`() async throws {
    var limits = ServerLimits()
    limits.connectionsPerPeer = 2
    try await withServer(limits: limits) { (port: Int) throws in
      var first = try RawClient(port: port)
      var second = try RawClient(port: port)
      first.send(get("/hello/a"))
      second.send(get("/hello/a"))
      #expect(try first.answer().status == 200)
      #expect(try second.answer().status == 200)
      var third = try RawClient(port: port)
      third.send(get("/hello/a"))
      let refused = try third.answer()
      #expect(refused.status == 503)
      #expect(refused.header("Retry-After") != nil)
      #expect(refused.json["code"] as? String == "too_many_connections")
      #expect(third.read(1) == 0)
    }
  }

  @Test func `a megabyte in chunks of one byte is read at once`() async throws {
    try await withServer { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
          + "Transfer-Encoding: chunked\r\n\r\n"
          + String(repeating: "1\r\nx\r\n", count: 1 << 20) + "0\r\n\r\n")
      let answer = try client.answer()
      #expect(answer.status == 200)
      #expect(answer.body == Data(repeating: UInt8(ascii: "x"), count: 1 << 20))
    }
  }

  @Test func `a header that stops behind a pipelined request has the header's deadline`()
    async throws
  {
    var limits = ServerLimits()
    limits.deadlines.header = 1
    try await withServer(limits: limits) { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(get("/hello/a") + get("/hello/b") + "GET /hello/c HTTP/1.1\r\nHo")
      #expect(try client.answer().status == 200)
      #expect(try client.answer().status == 200)
      #expect(try client.answer().status == 408)
    }
  }

  @Test func `while draining, reads go on and writes get 503 with Retry-After`() async throws {
    try await withServer(draining: true) { (port: Int) throws in
      var client = try RawClient(port: port)
      client.send(get("/hello/a"))
      #expect(try client.answer().status == 200)
      client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
      let answer = try client.answer()
      #expect(answer.status == 503)
      #expect(answer.header("Retry-After") == "10")
    }
  }

  @Test func `an address that others can reach needs keys`() {
    for host in ["0.0.0.0", "::", "192.168.1.4", "example.org"] {
      #expect(throws: Server.Failure.openWithoutKeys(host: host)) {
        _ = try Server(.init(host: host, port: 0), routes: [])
      }
    }
    for host in ["127.0.0.1", "127.8.8.8", "localhost", "::1"] {
      #expect(throws: Never.self) { _ = try Server(.init(host: host, port: 0), routes: []) }
    }
  }
}
