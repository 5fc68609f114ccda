package import Foundation

/// One event or directive as one versioned line of JSON, ended by LF. Lines are how parent and child talk:
/// the order and directives on the child's stdin, events on its descriptor 3.
package enum EventLine {
  package struct UnknownVersion: Error, Equatable, CustomStringConvertible {
    package let version: Int
    package var description: String {
      "line of protocol version \(version); this binary speaks version \(EventLine.version)"
    }
  }

  package static let version = 1

  private struct Envelope<Body: Codable>: Codable {
    var v: Int
    var body: Body
  }

  package static func encode<Body: Codable>(_ body: Body) throws -> Data {
    var line = try ContractJSON.encoder().encode(Envelope(v: version, body: body))
    line.append(0x0A)
    return line
  }

  package static func decode<Body: Codable>(_ type: Body.Type, from line: Data) throws -> Body {
    let envelope = try ContractJSON.decoder().decode(Envelope<Body>.self, from: line)
    guard envelope.v == version else { throw UnknownVersion(version: envelope.v) }
    return envelope.body
  }
}
