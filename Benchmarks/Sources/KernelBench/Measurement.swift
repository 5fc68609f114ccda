/// Best time of one kernel at one shape; the best, because other work only ever adds to it.
struct Measurement: Encodable {
  var family: String
  var shape: String
  var milliseconds: Double
  /// Billions of multiply-adds counted twice, per second; 0 where bandwidth is what counts.
  var gigaflops: Double
  /// Bytes that must be read and written once, in 1e9 per second.
  var gigabytes: Double

  init(
    _ family: String, _ shape: String, flops: Double = 0, bytes: Double = 0, _ body: () -> Void
  ) {
    body()  // builds primitives and touches memory
    let clock = ContinuousClock()
    let start = clock.now
    var best = Duration.seconds(1000)
    repeat { best = min(best, clock.measure(body)) } while clock.now - start < .milliseconds(300)
    let seconds = best / .seconds(1)
    (self.family, self.shape) = (family, shape)
    milliseconds = seconds * 1e3
    gigaflops = flops / seconds / 1e9
    gigabytes = bytes / seconds / 1e9
  }

  static let header =
    column("family", 22) + column("shape", 40) + column("ms", -10) + column("GFLOP/s", -10)
    + column("GB/s", -8)

  var row: String {
    Self.column(family, 22) + Self.column(shape, 40) + Self.column(rounded(milliseconds), -10)
      + Self.column(gigaflops > 0 ? "\(Int(gigaflops))" : "", -10)
      + Self.column(gigabytes > 0 ? "\(Int(gigabytes))" : "", -8)
  }

  private func rounded(_ x: Double) -> String { "\((x * 1000).rounded() / 1000)" }

  /// Left-aligned in `width` characters, right-aligned for a negative width.
  private static func column(_ text: String, _ width: Int) -> String {
    let space = String(repeating: " ", count: max(1, abs(width) - text.count))
    return width > 0 ? text + space : space + text
  }
}

/// Repeatable values in [-0.5, 0.5).
func noise(_ count: Int) -> [Float] {
  var state: UInt32 = 1
  return (0..<count).map { _ in
    state = state &* 1_664_525 &+ 1_013_904_223
    return Float(state >> 8) / Float(1 << 24) - 0.5
  }
}
