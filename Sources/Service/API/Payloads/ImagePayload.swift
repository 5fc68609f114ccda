import Contract
import Storage

/// One photo with its verdict. Sizes and crop are of the decoded, upright picture.
struct ImagePayload: Encodable, Sendable {
  var id: String
  var object = "image"
  var position: Int
  var fileName: String
  var uploadBytes: Int
  var verdict: Null<ImageVerdict>
  var findings: [ImageFinding]
  var width: Null<Int>
  var height: Null<Int>
  var cropBox: Null<CropBox>
  var duplicateGroup: Null<Int>
  /// Of the kept PNG.
  var sha256: Null<String>
  var contentUrl: Null<String>
  /// What stands in the place of the instance prompt.
  var caption: Null<String>
  var mask: Null<Mask>

  struct Mask: Encodable, Sendable {
    var fileName: String
    var sha256: Null<String>
    var contentUrl: Null<String>
  }

  /// - Parameters:
  ///   - dataset: `nil` for a dry run, which keeps nothing
  ///   - position: within its own part of the request
  init(_ image: DatasetImage, position: Int? = nil, dataset: String?) {
    id = image.id
    self.position = position ?? image.position
    fileName = image.fileName
    uploadBytes = image.uploadBytes
    verdict = Null(image.verdict)
    findings = image.findings
    width = Null(image.width)
    height = Null(image.height)
    cropBox = Null(image.cropBox)
    duplicateGroup = Null(image.duplicateGroup)
    sha256 = Null(image.blob)
    let content = dataset.map { "/v1/datasets/\($0)/images/\(image.id)/content" }
    contentUrl = Null(image.blob == nil ? nil : content)
    caption = Null(image.caption)
    mask = Null(
      image.maskName.map { name in
        Mask(
          fileName: name, sha256: Null(image.mask),
          contentUrl: Null(image.mask == nil ? nil : content.map { "\($0)?view=mask" }))
      })
  }
}

struct DatasetPayload: Encodable, Sendable {
  var id: String
  var object = "dataset"
  var kind: DatasetKind
  var createdAt: Timestamp
  var sha256: Null<String>
  var images: [ImagePayload]
  var classImages: [ImagePayload]

  init(_ dataset: Dataset) {
    id = dataset.id
    kind = dataset.kind
    createdAt = dataset.createdAt
    sha256 = Null(dataset.sha256)
    (images, classImages) = dataset.images.payloads(dataset: id)
  }
}

extension [DatasetImage] {
  /// Photos, and class pictures, each counted from 0.
  func payloads(dataset: String?) -> (images: [ImagePayload], classImages: [ImagePayload]) {
    func payloads(_ role: DatasetImage.Role) -> [ImagePayload] {
      filter { $0.role == role }.enumerated().map {
        ImagePayload($1, position: $0, dataset: dataset)
      }
    }
    return (payloads(.subject), payloads(.classPrior))
  }
}
