import Foundation

/// The readiness protocol of systemd: one datagram to `$NOTIFY_SOCKET`. Elsewhere it says nothing.
struct Systemd: Sendable {
  private let socketPath: String?
  /// How often systemd wants to hear from a living service; `nil` if it does not.
  let watchdogInterval: Duration?

  init(environment: [String: String]) {
    socketPath = environment["NOTIFY_SOCKET"]
    watchdogInterval = environment["WATCHDOG_USEC"].flatMap { Int64($0) }
      .map { .microseconds($0) }
  }

  func ready() { notify("READY=1") }
  func watchdog() { notify("WATCHDOG=1") }

  /// Stopping may take until every child has written its checkpoint.
  func stopping() { notify("STOPPING=1\nEXTEND_TIMEOUT_USEC=60000000") }

  private func notify(_ message: String) {
    guard let socketPath else { return }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var path = Array(socketPath.utf8)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    guard path.count < capacity else { return }
    // `@name` is an abstract socket: its first byte is NUL.
    if path.first == UInt8(ascii: "@") { path[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + path.count)
    _ = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        message.withCString {
          sendto(descriptor, $0, strlen($0), Int32(MSG_NOSIGNAL), address, length)
        }
      }
    }
  }
}
