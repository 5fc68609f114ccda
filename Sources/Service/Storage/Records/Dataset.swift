package import Contract
import Foundation

package enum DatasetKind: String, Codable, Sendable, CaseIterable { case subject }

/// The pictures of a job. `sha256` is known once every picture has its verdict: the digest of the kept
/// pictures' digests in sorted order, so names and upload order do not matter.
package struct Dataset: Codable, Equatable, Sendable {
  package var id: String
  package var kind: DatasetKind
  package var createdAt: Timestamp
  package var sha256: String?
  /// Photos of the subject first, class pictures after them.
  package var images: [DatasetImage]

  package var photos: [DatasetImage] { images.filter { $0.role == .subject } }
  package var classImages: [DatasetImage] { images.filter { $0.role == .classPrior } }

  /// What a trainer gets of these, in the order of their content.
  package static func kept(_ images: [DatasetImage]) -> [DatasetImage] {
    images.filter { $0.blob != nil }.sorted {
      ($0.blob ?? "", $0.position) < ($1.blob ?? "", $1.position)
    }
  }

  package var kept: [DatasetImage] { Self.kept(photos) }

  /// `images/2`, `class_images/0`: the picture's place in the request.
  package func label(of image: DatasetImage) -> String {
    image.role == .subject
      ? "images/\(image.position)" : "class_images/\(image.position - photos.count)"
  }

  /// Digest of the kept pictures with what belongs to them; of photos alone, of their digests alone.
  package func contentHash() -> String {
    let photos = kept.map { image in
      [image.blob, image.mask.map { "mask \($0)" }, image.caption.map { "caption \($0)" }]
        .compactMap { $0 }.joined(separator: "\n")
    }
    let others = Self.kept(classImages).map { "class \($0.blob ?? "")" }
    return FileHash.sha256(Data((photos + others).joined(separator: "\n").utf8))
  }
}

extension Dataset {
  /// Pictures that belong to no stored job.
  package init(unstored images: [DatasetImage], at now: Timestamp) {
    self.init(id: "", kind: .subject, createdAt: now, sha256: nil, images: images)
  }
}

/// One uploaded picture. Only its pixels are kept, re-encoded as PNG under `blob`.
package struct DatasetImage: Codable, Equatable, Sendable {
  package enum Role: String, Codable, Sendable {
    case subject
    /// The user's own picture of the class, for prior preservation.
    case classPrior = "class"
  }

  package var id: String
  package var datasetId: String
  /// Place in the upload, from 0, class pictures after photos.
  package var position: Int
  package var role: Role
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
  /// What stands in the place of the instance prompt.
  package var caption: String?
  /// The client's name of the mask that came with the photo.
  package var maskName: String?
  /// SHA-256 of the kept mask, a PNG of the photo's size.
  package var mask: String?
}

extension DatasetImage {
  /// A picture that intake has not looked at.
  package init(id: String, datasetId: String, position: Int, _ upload: UploadedPhoto) {
    self.id = id
    self.datasetId = datasetId
    self.position = position
    role = upload.role
    fileName = upload.fileName
    uploadBytes = upload.bytes
    findings = []
    caption = upload.caption
    maskName = upload.maskName
  }
}

/// A picture as uploaded: its client's name, the size of the stored bytes, and what belongs to it.
package struct UploadedPhoto: Codable, Equatable, Sendable {
  package var role: DatasetImage.Role
  package var fileName: String
  package var bytes: Int
  package var caption: String?
  package var maskName: String?

  package init(
    role: DatasetImage.Role = .subject, fileName: String, bytes: Int, caption: String? = nil,
    maskName: String? = nil
  ) {
    self.role = role
    self.fileName = fileName
    self.bytes = bytes
    self.caption = caption
    self.maskName = maskName
  }
}

/// Which pictures belong to one subject of a job with several: names, or what names begin with.
package struct SubjectImages: Codable, Equatable, Sendable {
  package var images: [String]
  package var classImages: [String]
  package init(images: [String], classImages: [String] = []) {
    self.images = images
    self.classImages = classImages
  }
}
