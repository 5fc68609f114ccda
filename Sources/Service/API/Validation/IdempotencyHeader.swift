import Foundation
import HTTP
import Storage

/// `Idempotency-Key`: the same request, sent again, has one effect and one answer.
struct IdempotencyHeader: Sendable {
  let key: String
  /// Who asks, and for what.
  let scope: String

  /// - Returns: `nil` if the request carries none.
  init?(_ request: Request) throws(Problem) {
    let sent = request.headers.all("Idempotency-Key")
    guard let key = sent.first else { return nil }
    guard sent.count == 1, (1...255).contains(key.utf8.count),
      key.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
    else {
      throw Problem(
        .malformedRequest, "Idempotency-Key must be one field of 1 to 255 visible ASCII characters")
    }
    self.key = key
    scope = "\(request.caller ?? "") \(request.method) /\(request.path.joined(separator: "/"))"
  }

  /// The fingerprint covers what the request means: canonical JSON, and the bytes of its files.
  func key(for job: JSONValue, _ files: [UploadFolder.File]) -> IdempotencyKey {
    let parts = files.map { "\($0.part.name) \($0.sha256)" }.sorted()
    let meaning = ([job.canonical] + parts).joined(separator: "\n")
    return IdempotencyKey(
      scope: scope, key: key, fingerprint: FileHash.sha256(Data(meaning.utf8)))
  }
}
