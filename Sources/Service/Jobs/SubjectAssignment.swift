import Foundation
import Storage

/// Which picture shows which subject, by what the client calls the files.
package enum SubjectAssignment {
  /// What a file is called apart from folders and ending: `toby1` of `holiday/toby1.jpg`.
  package static func stem(_ fileName: String) -> String {
    let name = fileName.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last ?? ""
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return String(name) }
    return String(name[..<dot])
  }

  /// The places of those that an entry means: called exactly so, or, if none is, beginning so.
  package static func places(of entry: String, among stems: [String]) -> [Int] {
    let exact = stems.indices.filter { stems[$0] == entry }
    return exact.isEmpty ? stems.indices.filter { stems[$0].hasPrefix(entry) } : exact
  }

  /// - Returns: for each picture the subjects that name it; in a valid request exactly one
  package static func claims(_ stems: [String], _ entries: [[String]]) -> [[Int]] {
    var claims: [[Int]] = stems.map { _ in [] }
    for (subject, names) in entries.enumerated() {
      for place in Set(names.flatMap { places(of: $0, among: stems) }) {
        claims[place].append(subject)
      }
    }
    return claims
  }

  /// - Returns: the subject of each of these pictures
  static func subjects(
    of images: [DatasetImage], _ entries: [[String]]?
  ) -> [String: Int] {
    guard let entries else { return [:] }
    let claims = claims(images.map { stem($0.fileName) }, entries)
    return Dictionary(uniqueKeysWithValues: zip(images.map(\.id), claims.map { $0.first ?? 0 }))
  }
}
