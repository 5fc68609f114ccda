import Contract
import Foundation
import Storage

/// Looks at a job's photos once, before it is queued: a verdict per photo, pixels kept as PNG, the
/// original bytes dropped whatever the verdict.
struct PhotoIntake: Sendable {
  private let stores: Stores
  private let decoder: any PhotoDecoder

  init(_ stores: Stores, decoder: any PhotoDecoder) {
    self.stores = stores
    self.decoder = decoder
  }

  struct Examined: Sendable {
    var image: DatasetImage
    /// PNG in the temporary folder; `nil` if the photo is rejected.
    var pixels: URL?
  }

  /// Moves a job out of `validating`, one way or the other.
  func run(_ job: Job, targetSide: Int?) async throws {
    guard var dataset = try await stores.datasets.find(job.datasetId) else {
      throw StorageError.notFound("dataset \(job.datasetId)")
    }
    let files = dataset.images.map { stores.folder.upload(ofJob: job.id, position: $0.position) }
    let examined = try await examine(dataset.images, files: files, targetSide: targetSide)
    let rejected = examined.map(\.image).filter { $0.verdict == .rejected }
    let failure = Self.failure(rejected, of: dataset.images.count, policy: job.onRejectedImage)
    if failure == nil {
      dataset.images = try await keep(examined)
      dataset.sha256 = FileHash.sha256(
        Data(dataset.kept.compactMap(\.blob).joined(separator: "\n").utf8))
    } else {
      dataset.images = examined.map(\.image)
      try await discard(examined)
    }
    let move =
      failure.map { JobMove(to: .failed, from: [.validating], error: $0) }
      ?? JobMove(to: .queued, from: [.validating], message: "\(dataset.kept.count) photos are fine")
    _ = try await stores.datasets.conclude(
      dataset, warnings: Self.warnings(dataset.images), ofJob: job.id, move)
    try await dropUploads(ofJob: job.id)
  }

  /// The original bytes go, whether the job was queued, failed or cancelled meanwhile.
  func dropUploads(ofJob id: String) async throws {
    let folder = stores.folder.uploads(ofJob: id)
    try await BlockingIO.run { try FileIO.remove(folder) }
  }

  /// Decodes every photo and compares them with each other.
  func examine(
    _ images: [DatasetImage], files: [URL], targetSide: Int?
  ) async throws -> [Examined] {
    var examined: [Examined] = []
    var fingerprints: [ImageFingerprint?] = []
    for (image, file) in zip(images, files) {
      let decoded = try await decode(file, targetSide: targetSide)
      var image = image
      image.findings = decoded.result.findings
      image.width = decoded.result.width
      image.height = decoded.result.height
      image.cropBox = decoded.result.cropBox
      examined.append(Examined(image: image, pixels: decoded.pixels))
      fingerprints.append(decoded.result.fingerprint)
    }
    let compared = fingerprints
    let groups = try await BlockingIO.run { NearDuplicates.groups(compared) }
    for (index, group) in groups.enumerated() {
      guard let group else { continue }
      examined[index].image.duplicateGroup = group.number
      let others = group.members.filter { $0 != index }.map { "images/\($0)" }
      examined[index].image.findings.append(
        ImageFinding(
          .nearDuplicate,
          "shows nearly the same as \(others.joined(separator: ", ")); different views teach more"))
    }
    for index in examined.indices {
      let findings = examined[index].image.findings
      examined[index].image.verdict = DecodeResult(findings: findings).verdict
    }
    return examined
  }

  func discard(_ examined: [Examined]) async throws {
    let files = examined.compactMap(\.pixels)
    try await BlockingIO.run { for file in files { try FileIO.remove(file) } }
  }

  private func decode(_ file: URL, targetSide: Int?) async throws -> DecodedPhoto {
    guard FileManager.default.fileExists(atPath: file.path) else {
      return .undecodable("the stored upload is missing; send the photo again")
    }
    let decoded = try await decoder.decode(
      file, targetSide: targetSide, into: stores.folder.temporary)
    guard decoded.result.verdict == .rejected else { return decoded }
    if let pixels = decoded.pixels { try await BlockingIO.run { try FileIO.remove(pixels) } }
    return DecodedPhoto(result: decoded.result, pixels: nil)
  }

  private func keep(_ examined: [Examined]) async throws -> [DatasetImage] {
    let blobs = stores.blobs
    return try await BlockingIO.run {
      try examined.map { entry in
        var image = entry.image
        image.blob = try entry.pixels.map { try blobs.adopt($0) }
        return image
      }
    }
  }

  private static func failure(
    _ rejected: [DatasetImage], of count: Int, policy: RejectedImagePolicy
  ) -> JobFailure? {
    guard let first = rejected.first, policy == .fail || rejected.count == count else { return nil }
    let reasons = rejected.map { image in
      let findings = image.findings.filter { $0.code.verdict == .rejected }
      return "images/\(image.position): \(findings.map(\.message).joined(separator: "; "))"
    }
    return JobFailure(
      EngineError(
        .imagesRejected, reasons.joined(separator: "; "), parameter: "images/\(first.position)",
        hint: policy == .fail
          ? "replace or leave out these photos, or send \"on_rejected_image\": \"skip\""
          : "send at least one photo that can be decoded"))
  }

  private static func warnings(_ images: [DatasetImage]) -> [JobWarning] {
    images.flatMap { image in
      image.findings.filter { $0.code.verdict != .accepted }.map { finding in
        JobWarning(
          code: finding.code.rawValue, param: "images/\(image.position)", message: finding.message)
      }
    }
  }
}
