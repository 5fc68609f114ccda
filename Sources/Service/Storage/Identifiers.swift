import Synchronization

/// Ids are a prefix and a ULID: sortable by time of birth, and data, never a path from outside.
package enum IdentifierPrefix: String, Sendable {
  case job, dataset = "ds", image = "img", checkpoint = "ckpt", sample = "smp", report = "rep"
  case artifact = "art", event = "evt"
}

/// Makes monotone ULIDs (48 bits of milliseconds, 80 bits of randomness; the same millisecond, or a
/// clock that stepped back, adds one to the last).
package final class Identifiers: Sendable {
  private let last = Mutex<UInt128>(0)
  private let time: any TimeSource

  package init(time: any TimeSource) { self.time = time }

  package func next(_ prefix: IdentifierPrefix) -> String {
    let milliseconds = UInt128(UInt64(max(0, time.now.milliseconds)) & 0xFFFF_FFFF_FFFF)
    let random = UInt128.random(in: 0..<(1 << 79))
    let value = last.withLock { last in
      last = (milliseconds << 80) | random > last ? (milliseconds << 80) | random : last + 1
      return last
    }
    return "\(prefix.rawValue)_\(Self.base32(value))"
  }

  /// Whether a text from outside has the form of an id with this prefix.
  package static func isValid(_ text: String, _ prefix: IdentifierPrefix) -> Bool {
    let head = "\(prefix.rawValue)_"
    guard text.hasPrefix(head) else { return false }
    let tail = text.utf8.dropFirst(head.utf8.count)
    return tail.count == 26 && tail.allSatisfy(alphabet.contains)
  }

  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  private static func base32(_ value: UInt128) -> String {
    let digits = (0..<26).reversed().map {
      alphabet[Int(truncatingIfNeeded: value >> ($0 * 5)) & 31]
    }
    return String(decoding: digits, as: UTF8.self)
  }
}
