package import Foundation
import Yams

/// `openapi.yaml` as JSON: one source, two spellings.
package enum OpenAPIDocument {
  package struct Unreadable: Error, CustomStringConvertible {
    package let description: String
  }

  package static func json(ofYAML file: URL) throws(Unreadable) -> Data {
    do {
      let text = try String(contentsOf: file, encoding: .utf8)
      let document = try Yams.load(yaml: text) ?? [:]
      var data = try JSONSerialization.data(
        withJSONObject: document, options: [.sortedKeys, .withoutEscapingSlashes])
      data.append(0x0A)
      return data
    } catch {
      throw Unreadable(description: "cannot read \(file.path): \(error)")
    }
  }
}
