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
        .map { Self.weight($0.dropFirst(2)) } ?? 1
      if found.map({ specificity > $0.specificity }) ?? true { found = (specificity, weight) }
    }
    return found?.weight ?? 0
  }

  /// RFC 9110 12.4.2: from 0 to 1 with at most three decimals; anything else accepts nothing.
  private static func weight(_ text: Substring) -> Double {
    let decimals = text.dropFirst(2)
    guard let first = text.first, first == "0" || first == "1", text.utf8.count <= 5,
      text.dropFirst().first ?? "." == ".",
      decimals.utf8.allSatisfy({ (48...57).contains($0) }), let value = Double(text + "0"),
      value <= 1
    else { return 0 }
    return value
  }
}
