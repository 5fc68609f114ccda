/// Content negotiation (RFC 9110 12.5.1).
extension Request {
  /// Whether `Accept` lets this type through; its absence lets everything.
  package func accepts(_ type: String) -> Bool { quality(of: type) > 0 }

  /// Whether `Accept` asks for this type rather than for the other.
  package func prefers(_ type: String, to other: String) -> Bool {
    quality(of: type) > quality(of: other)
  }

  /// The weight that the most specific matching range gives the type, from 0 (not acceptable) to 1.
  private func quality(of type: String) -> Double {
    let ranges = headers.list("Accept")
    if ranges.isEmpty { return 1 }
    let family = type.prefix { $0 != "/" } + "/*"
    var found: (specificity: Int, weight: Double)?
    for range in ranges {
      let parts = range.split(separator: ";").map {
        $0.filter { $0 != " " && $0 != "\t" }.lowercased()
      }
      guard let name = parts.first,
        let specificity = ["*/*", String(family), type].firstIndex(of: name)
      else { continue }
      let weight =
        parts.dropFirst().first { $0.hasPrefix("q=") }
        .map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      if found.map({ specificity > $0.specificity }) ?? true { found = (specificity, weight) }
    }
    return found?.weight ?? 0
  }
}
