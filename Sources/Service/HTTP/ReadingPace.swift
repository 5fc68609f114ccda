import NIOCore

/// Whether a client reads its answer. What counts is what its kernel has acknowledged: what ours has taken from us may
/// lie in a buffer for ever.
struct ReadingPace {
  /// Seconds over which the rate is judged.
  let window: Double
  /// Bytes per second.
  let rate: Double

  /// Acknowledged bytes by time, since something was last outstanding.
  private var samples: [(seconds: Double, acknowledged: Int)] = []

  init(window: Double, rate: Double) {
    self.window = window
    self.rate = rate
  }

  /// - Parameters:
  ///   - sent: bytes of all answers so far
  ///   - acknowledged: those that have arrived at the client
  /// - Returns: whether the client was owed bytes for a whole window and took fewer than the rate asks for
  mutating func isTooSlow(at seconds: Double, sent: Int, acknowledged: Int) -> Bool {
    guard sent > acknowledged else {
      samples.removeAll(keepingCapacity: true)
      return false
    }
    samples.append((seconds, acknowledged))
    // The oldest sample kept is the last one that lies a whole window back.
    while samples.count > 1, samples[1].seconds <= seconds - window { samples.removeFirst() }
    guard let first = samples.first, first.seconds <= seconds - window else { return false }
    return Double(acknowledged - first.acknowledged) < rate * (seconds - first.seconds)
  }
}

/// `tcpi_bytes_acked` of `struct tcp_info` (linux/tcp.h), as far as the struct is read.
struct TCPProgress {
  private static let option = NIOBSDSocket.Option(rawValue: 11)  // TCP_INFO

  private var info:
    (
      UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64,
      UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64
    )

  /// Bytes that the peer's kernel has acknowledged on this connection.
  static func acknowledgedBytes(_ channel: any Channel) -> Int? {
    guard let provider = channel as? any SocketOptionProvider else { return nil }
    let future: EventLoopFuture<TCPProgress> = provider.unsafeGetSocketOption(
      level: .tcp, name: option)
    var progress: TCPProgress?
    // On the channel's own event loop the answer is there at once.
    future.assumeIsolatedUnsafeUnchecked().whenSuccess { progress = $0 }
    return progress.map { Int(truncatingIfNeeded: $0.info.15) }
  }
}
