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

  /// - Parameter dataset: `nil` for a dry run, which keeps nothing
  init(_ image: DatasetImage, dataset: String?) {
    id = image.id
    position = image.position
    fileName = image.fileName
    uploadBytes = image.uploadBytes
    verdict = Null(image.verdict)
    findings = image.findings
    width = Null(image.width)
    height = Null(image.height)
    cropBox = Null(image.cropBox)
    duplicateGroup = Null(image.duplicateGroup)
    sha256 = Null(image.blob)
    contentUrl = Null(
      image.blob == nil ? nil : dataset.map { "/v1/datasets/\($0)/images/\(image.id)/content" })
  }
}

struct DatasetPayload: Encodable, Sendable {
  var id: String
  var object = "dataset"
  var kind: DatasetKind
  var createdAt: Timestamp
  var sha256: Null<String>
  var images: [ImagePayload]

  init(_ dataset: Dataset) {
    id = dataset.id
    kind = dataset.kind
    createdAt = dataset.createdAt
    sha256 = Null(dataset.sha256)
    images = dataset.images.map { ImagePayload($0, dataset: dataset.id) }
  }
}
