package import Contract

package enum DatasetKind: String, Codable, Sendable, CaseIterable { case subject }

/// The photos of a subject. `sha256` is known once every photo has its verdict: the digest of the
/// kept pictures' digests in sorted order, so names and upload order do not matter.
package struct Dataset: Codable, Equatable, Sendable {
  package var id: String
  package var kind: DatasetKind
  package var createdAt: Timestamp
  package var sha256: String?
  package var images: [DatasetImage]

  /// The pictures that a trainer gets, in the order of their content.
  package var kept: [DatasetImage] {
    images.filter { $0.blob != nil }.sorted {
      ($0.blob ?? "", $0.position) < ($1.blob ?? "", $1.position)
    }
  }
}

/// One uploaded photo. Only its pixels are kept, re-encoded as PNG under `blob`.
package struct DatasetImage: Codable, Equatable, Sendable {
  package var id: String
  package var datasetId: String
  /// Place in the upload, from 0: `images/2` in problems.
  package var position: Int
  /// The client's name: data, never a path.
  package var fileName: String
  package var uploadBytes: Int
  /// `nil` until intake has looked.
  package var verdict: ImageVerdict?
  package var findings: [ImageFinding]
  package var width: Int?
  package var height: Int?
  package var cropBox: CropBox?
  /// Photos that show nearly the same share a group number.
  package var duplicateGroup: Int?
  /// SHA-256 of the kept PNG; `nil` if the photo was rejected or not yet decoded.
  package var blob: String?
}

extension DatasetImage {
  /// A photo that intake has not looked at.
  package init(
    id: String, datasetId: String, position: Int, fileName: String, uploadBytes: Int
  ) {
    self.id = id
    self.datasetId = datasetId
    self.position = position
    self.fileName = fileName
    self.uploadBytes = uploadBytes
    findings = []
  }
}

/// A photo as uploaded: its client's name and the size of the stored bytes.
package struct UploadedPhoto: Codable, Equatable, Sendable {
  package var fileName: String
  package var bytes: Int
  package init(fileName: String, bytes: Int) {
    self.fileName = fileName
    self.bytes = bytes
  }
}
