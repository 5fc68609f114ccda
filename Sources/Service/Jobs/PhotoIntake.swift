import Contract
import Foundation
import Storage

/// Looks at a job's photos once, before it is queued: a verdict per photo, pixels kept as PNG, the
/// original bytes dropped whatever the verdict.
struct PhotoIntake: Sendable {
  private let stores: Stores
  private let decoder: any PhotoDecoder
  private let gate: DecoderGate
  private let pixelLimit: Int

  init(_ stores: Stores, decoder: any PhotoDecoder, gate: DecoderGate, pixelLimit: Int) {
    self.stores = stores
    self.decoder = decoder
    self.gate = gate
    self.pixelLimit = pixelLimit
  }

  struct Examined: Sendable {
    var image: DatasetImage
    /// PNG in the temporary folder; `nil` if the photo is rejected.
    var pixels: URL?
    /// PNG of its mask.
    var mask: URL?
  }

  /// The bytes as they came in.
  struct Upload: Sendable {
    var photo: URL
    var mask: URL?
  }

  /// Moves a job out of `validating`, one way or the other.
  func run(_ job: Job, targetSide: Int?) async throws {
    guard var dataset = try await stores.datasets.find(job.datasetId) else {
      throw StorageError.notFound("dataset \(job.datasetId)")
    }
    let files = dataset.images.map { image in
      Upload(
        photo: stores.folder.upload(ofJob: job.id, position: image.position),
        mask: image.maskName.map { _ in
          stores.folder.mask(ofJob: job.id, position: image.position)
        })
    }
    let examined = try await examine(
      dataset, files: files, targetSide: targetSide, for: "the job \(job.id)")
    dataset.images = examined.map(\.image)
    let failure = Self.failure(dataset, job)
    if failure == nil {
      dataset.images = try await keep(examined)
      dataset.sha256 = dataset.contentHash()
    } else {
      try await discard(examined)
    }
    let move =
      failure.map { JobMove(to: .failed, from: [.validating], error: $0) }
      ?? JobMove(to: .queued, from: [.validating], message: "\(dataset.kept.count) photos are fine")
    _ = try await stores.datasets.conclude(
      dataset, warnings: Self.warnings(dataset), ofJob: job.id, move)
    try await dropUploads(ofJob: job.id)
  }

  /// The original bytes go, whether the job was queued, failed or cancelled meanwhile.
  func dropUploads(ofJob id: String) async throws {
    let folder = stores.folder.uploads(ofJob: id)
    try await BlockingIO.run { try FileIO.remove(folder) }
  }

  /// Decodes every picture and compares the photos with each other.
  /// - Parameters:
  ///   - files: one per picture of the dataset
  ///   - owner: who shares the decoders with others
  /// - Throws: `JobError.tooManyPixels`; `CancellationError`
  func examine(
    _ dataset: Dataset, files: [Upload], targetSide: Int?, for owner: String
  ) async throws -> [Examined] {
    var examined: [Examined] = []
    do {
      try await examine(dataset, files, targetSide, owner, &examined)
    } catch {
      // What was decoded so far belongs to nobody. A cancelled task must clean up as well.
      for file in examined.flatMap({ [$0.pixels, $0.mask] }) { try? file.map(FileIO.remove) }
      throw error
    }
    return examined
  }

  private func examine(
    _ dataset: Dataset, _ files: [Upload], _ targetSide: Int?, _ owner: String,
    _ examined: inout [Examined]
  ) async throws {
    var fingerprints: [ImageFingerprint?] = []
    var pixels = 0
    for (image, file) in zip(dataset.images, files) {
      let decoded = try await decode(file.photo, targetSide: targetSide, for: owner)
      var entry = Examined(image: image, pixels: decoded.pixels)
      entry.image.findings = decoded.result.findings
      entry.image.width = decoded.result.width
      entry.image.height = decoded.result.height
      entry.image.cropBox = decoded.result.cropBox
      examined.append(entry)
      pixels += (decoded.result.width ?? 0) * (decoded.result.height ?? 0)
      if let mask = file.mask {
        pixels += try await examine(mask, of: &examined[examined.count - 1], for: owner)
      }
      guard pixels <= pixelLimit else { throw JobError.tooManyPixels(limit: pixelLimit) }
      // Class pictures may look alike; what matters is that there are many.
      fingerprints.append(image.role == .subject ? decoded.result.fingerprint : nil)
    }
    let compared = fingerprints
    let groups = try await BlockingIO.run { NearDuplicates.groups(compared) }
    for (index, group) in groups.enumerated() {
      guard let group else { continue }
      examined[index].image.duplicateGroup = group.number
      let others = group.members.filter { $0 != index }.map {
        dataset.label(of: dataset.images[$0])
      }
      examined[index].image.findings.append(
        ImageFinding(
          .nearDuplicate,
          "shows nearly the same as \(others.joined(separator: ", ")); different views teach more"))
    }
    for index in examined.indices {
      let findings = examined[index].image.findings
      examined[index].image.verdict = DecodeResult(findings: findings).verdict
    }
  }

  func discard(_ examined: [Examined]) async throws {
    let files = examined.flatMap { [$0.pixels, $0.mask].compactMap { $0 } }
    try await BlockingIO.run { for file in files { try FileIO.remove(file) } }
  }

  /// A photo whose mask cannot be used is not used either: without it, it would teach what the mask hides.
  /// - Returns: the mask's pixels
  private func examine(
    _ mask: URL, of entry: inout Examined, for owner: String
  ) async throws -> Int {
    let decoded = try await decode(mask, targetSide: nil, for: owner)
    let refused = decoded.result.findings.filter { $0.code.verdict == .rejected }
    let size = "\(decoded.result.width ?? 0) x \(decoded.result.height ?? 0)"
    let expected = "\(entry.image.width ?? 0) x \(entry.image.height ?? 0)"
    if !refused.isEmpty {
      let reasons = refused.map(\.message).joined(separator: "; ")
      entry.image.findings.append(ImageFinding(.maskRejected, "its mask: \(reasons)"))
    } else if entry.pixels != nil, size != expected {
      entry.image.findings.append(
        ImageFinding(
          .maskRejected, "its mask has \(size) pixels, the upright photo has \(expected)"))
    }
    entry.mask = decoded.pixels
    if DecodeResult(findings: entry.image.findings).verdict == .rejected {
      try await discard([entry])
      (entry.pixels, entry.mask) = (nil, nil)
    }
    return (decoded.result.width ?? 0) * (decoded.result.height ?? 0)
  }

  private func decode(
    _ file: URL, targetSide: Int?, for owner: String
  ) async throws -> DecodedPhoto {
    guard try await BlockingIO.run({ try FileIO.status(file) }) != nil else {
      return .undecodable("the stored upload is missing; send the photo again")
    }
    let (decoder, folder) = (decoder, stores.folder.temporary)
    let decoded = try await gate.run(for: owner) {
      try await decoder.decode(file, targetSide: targetSide, into: folder)
    }
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
        image.mask = try entry.mask.map { try blobs.adopt($0) }
        return image
      }
    }
  }

  /// Why the job cannot go on: a rejected picture where none may be, or a set of which nothing is left.
  private static func failure(_ dataset: Dataset, _ job: Job) -> JobFailure? {
    let rejected = dataset.images.filter { $0.verdict == .rejected }
    let photos = SubjectAssignment.subjects(
      of: dataset.photos, job.subjectImages.map { $0.map(\.images) })
    // Each subject needs a photo, and prior preservation with sent class pictures one of those.
    let sets =
      Dictionary(grouping: dataset.photos) { photos[$0.id] ?? 0 }.values
      + (dataset.classImages.isEmpty ? [] : [dataset.classImages])
    let isSpent = sets.contains { $0.allSatisfy { $0.verdict == .rejected } }
    guard let first = rejected.first, job.onRejectedImage == .fail || isSpent else { return nil }
    let reasons = rejected.map { image in
      let findings = image.findings.filter { $0.code.verdict == .rejected }
      return "\(dataset.label(of: image)): \(findings.map(\.message).joined(separator: "; "))"
    }
    return JobFailure(
      EngineError(
        .imagesRejected, reasons.joined(separator: "; "), parameter: dataset.label(of: first),
        hint: job.onRejectedImage == .fail
          ? "replace or leave out these photos, or send \"on_rejected_image\": \"skip\""
          : "send at least one photo that can be decoded"))
  }

  private static func warnings(_ dataset: Dataset) -> [JobWarning] {
    dataset.images.flatMap { image in
      image.findings.filter { $0.code.verdict != .accepted }.map { finding in
        JobWarning(
          code: finding.code.rawValue, param: dataset.label(of: image), message: finding.message)
      }
    }
  }
}
