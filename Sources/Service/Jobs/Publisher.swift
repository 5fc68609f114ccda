import Contract
import Foundation
import Storage

/// Makes the files of one epoch into artifacts: each has the size and digest that the worker announced
/// and has reached the disk, or nothing is published.
struct Publisher: Sendable {
  private let stores: Stores

  init(_ stores: Stores) { self.stores = stores }

  /// - Returns: the job in `succeeded`; `nil` if another writer was first
  /// - Throws: `JobError.artifactMismatch`, before anything was changed
  func publish(_ artifacts: [WorkEvent.Artifact], _ fence: Fence) async throws -> Job? {
    let attempt = stores.folder.attempt(ofJob: fence.jobId, epoch: fence.epoch)
    try await BlockingIO.run {
      for artifact in artifacts {
        try DataFolder.checkRelative(artifact.folder)
        let folder = attempt.appending(path: artifact.folder)
        try Self.verify(
          artifact.files.map { StoredFile(name: $0.name, bytes: $0.bytes, sha256: $0.sha256) },
          in: folder)
        for file in artifact.files { try FileIO.sync(folder.appending(path: file.name)) }
        try FileIO.syncFolder(folder)
      }
      try FileIO.syncFolder(attempt)
    }
    return try await stores.artifacts.publish(fence, artifacts, outcome: .complete)
  }

  /// Blocks for the disk.
  static func verify(_ files: [StoredFile], in folder: URL) throws {
    for file in files {
      try DataFolder.checkRelative(file.name)
      let url = folder.appending(path: file.name)
      guard let status = try FileIO.status(url), status.isRegular else {
        throw JobError.artifactMismatch(file: file.name, detail: "it is not there")
      }
      guard status.bytes == file.bytes else {
        throw JobError.artifactMismatch(
          file: file.name, detail: "\(status.bytes) bytes where \(file.bytes) were announced")
      }
      let found = try FileHash.sha256(ofFile: url)
      guard found == file.sha256 else {
        throw JobError.artifactMismatch(
          file: file.name, detail: "SHA-256 \(found) where \(file.sha256) was announced")
      }
    }
  }
}
