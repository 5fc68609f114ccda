import Foundation

/// Bytes in, bytes out over loopback: tests say exactly what is on the wire.
struct RawClient: ~Copyable {
  struct Answer {
    let status: Int
    let headers: [(name: String, value: String)]
    let body: Data
    func header(_ name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
    }
  }

  struct Closed: Error {}

  private let descriptor: Int32
  private var received = Data()

  init(port: Int, receiveBuffer: Int32? = nil) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if var size = receiveBuffer {
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var timeout = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Closed() }
  }

  deinit { close(descriptor) }

  /// - Returns: whether the peer still takes bytes.
  @discardableResult
  func send(_ text: String) -> Bool { send(Data(text.utf8)) }

  @discardableResult
  func send(_ data: Data) -> Bool {
    var rest = data[...]
    while !rest.isEmpty {
      let sent = rest.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if sent <= 0 { return false }
      rest = rest.dropFirst(sent)
    }
    return true
  }

  mutating func answer(head: Bool = false) throws -> Answer {
    let end = Data("\r\n\r\n".utf8)
    while received.range(of: end) == nil { try receive() }
    guard let range = received.range(of: end) else { throw Closed() }
    let lines = String(decoding: received[..<range.lowerBound], as: UTF8.self)
      .components(separatedBy: "\r\n")
    received = Data(received[range.upperBound...])
    let headers = lines.dropFirst().map { line in
      let halves = line.split(separator: ":", maxSplits: 1)
      return (name: String(halves[0]), value: halves[1].trimmingCharacters(in: .whitespaces))
    }
    let status = Int(lines[0].split(separator: " ")[1]) ?? 0
    let length =
      headers.first { $0.name.lowercased() == "content-length" }
      .flatMap { Int($0.value) } ?? 0
    let bodyLength = head || status < 200 || status == 304 ? 0 : length
    while received.count < bodyLength { try receive() }
    let body = Data(received.prefix(bodyLength))
    received = Data(received.dropFirst(bodyLength))
    return Answer(status: status, headers: headers, body: body)
  }

  /// Reads up to `count` bytes; returns 0 when the peer has closed or reset the connection.
  func read(_ count: Int) -> Int {
    var bytes = [UInt8](repeating: 0, count: count)
    return max(0, recv(descriptor, &bytes, count, 0))
  }

  /// Reads what is still there until the peer's end.
  func bytesUntilClosed() -> Int {
    var total = 0
    while true {
      let count = read(1 << 20)
      if count == 0 { return total }
      total += count
    }
  }

  private mutating func receive() throws {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { throw Closed() }
    received.append(contentsOf: bytes[..<count])
  }
}
