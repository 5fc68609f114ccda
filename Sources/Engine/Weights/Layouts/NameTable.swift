import Foundation

/// Names of a foreign layout, path component by path component, read forwards and backwards.
package struct NameTable: Sendable {
  private let pairs: [(ours: String, theirs: String)]

  init(_ pairs: [(ours: String, theirs: String)]) { self.pairs = pairs }

  /// A file's key in our names.
  package func ours(_ key: String) -> String {
    translate(key, pairs.map { ($0.theirs, $0.ours) })
  }

  /// One of our keys in the file's names.
  package func theirs(_ key: String) -> String {
    translate(key, pairs.map { ($0.ours, $0.theirs) })
  }

  private func translate(_ key: String, _ table: [(from: String, to: String)]) -> String {
    for (from, to) in table {
      if let range = ".\(key).".range(of: ".\(from).") {
        let padded = ".\(key).".replacingCharacters(in: range, with: ".\(to).")
        return String(padded.dropFirst().dropLast())
      }
    }
    return key
  }
}
