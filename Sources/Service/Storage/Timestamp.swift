package import Foundation

/// A point in time in whole milliseconds since 1970, written as RFC 3339 in UTC:
/// `2026-09-28T10:00:00.000Z`.
package struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package let milliseconds: Int64

  package init(milliseconds: Int64) { self.milliseconds = milliseconds }

  package init(_ date: Date) {
    milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded(.down))
  }

  /// - Returns: `nil` if the text is not RFC 3339 with or without fractional seconds.
  package init?(_ text: String) {
    let fractional = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    guard let date = (try? fractional.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text))
    else { return nil }
    milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded())
  }

  package var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

  package var description: String {
    // The format style truncates fractions; half a millisecond more keeps binary rounding away.
    Date(timeIntervalSince1970: (Double(milliseconds) + 0.5) / 1000)
      .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }

  package static func < (a: Timestamp, b: Timestamp) -> Bool { a.milliseconds < b.milliseconds }

  package func advanced(bySeconds seconds: Double) -> Timestamp {
    Timestamp(milliseconds: milliseconds + Int64(seconds * 1000))
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = Timestamp(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\(text) is not a time in RFC 3339")
    }
    self = value
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// Where the service gets the time from; tests hand in their own.
package protocol TimeSource: Sendable {
  var now: Timestamp { get }
  func sleep(for duration: Duration) async throws
}

package struct SystemTime: TimeSource {
  package init() {}
  package var now: Timestamp { Timestamp(Date()) }
  package func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
