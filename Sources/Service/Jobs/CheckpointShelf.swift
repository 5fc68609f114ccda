import Contract
import Foundation
import Storage

/// Which checkpoint a job goes on from, and which ones stay.
struct CheckpointShelf: Sendable {
  private let stores: Stores

  init(_ stores: Stores) { self.stores = stores }

  /// What every checkpoint folder lists in `manifest.json`.
  private struct Manifest: Codable {
    var files: [StoredFile]
  }

  /// The newest checkpoint whose every file still has its digest; damaged ones leave the list. One
  /// that cannot be read at the moment stays, with its folder: that proves nothing about it.
  /// - Returns: `nil` if the job has never had one
  /// - Throws: `EngineError(.checkpointCorrupt)` if it had some and none is whole: it never starts
  ///   over in silence; a passing `StorageError` if one cannot be read
  func newestVerified(ofJob id: String) async throws -> Checkpoint? {
    let checkpoints = try await stores.checkpoints.list(ofJob: id)
    for checkpoint in checkpoints {
      let folder = stores.folder.file(ofJob: id, checkpoint.folder)
      let manifest = checkpoint.manifestSha256
      if try await BlockingIO.run({ try Self.isWhole(folder, manifest: manifest) }) {
        return checkpoint
      }
      try await stores.checkpoints.passOver(checkpoint)
    }
    guard let newest = checkpoints.first else { return nil }
    throw EngineError(
      .checkpointCorrupt,
      "no checkpoint is whole any more; the newest was of step \(newest.step)",
      hint: "check the disk, then submit the job again", step: newest.step)
  }

  /// The folder of a checkpoint that the job was made to begin with.
  /// - Throws: `EngineError(.checkpointCorrupt)` if it is not what it was
  func require(_ reference: CheckpointReference, in folder: URL) async throws -> URL {
    let manifest = reference.manifestSha256
    guard try await BlockingIO.run({ try Self.isWhole(folder, manifest: manifest) }) else {
      throw EngineError(
        .checkpointCorrupt, "checkpoint \(reference.id) of step \(reference.step) is not whole",
        hint: "check the disk, then submit the job again", step: reference.step)
    }
    return folder
  }

  /// Keeps the newest `count` checkpoints. Rows go before folders: what is listed is there.
  func prune(_ id: String, keeping count: Int) async throws {
    for old in try await stores.checkpoints.list(ofJob: id).dropFirst(count) {
      try await stores.checkpoints.remove(old.id)
      let folder = stores.folder.file(ofJob: id, old.folder)
      try await BlockingIO.run { try FileIO.remove(folder) }
    }
  }

  /// - Returns: `false` only if a file is proven to be absent or other than it was
  private static func isWhole(_ folder: URL, manifest sha256: String) throws -> Bool {
    let file = folder.appending(path: "manifest.json")
    do {
      guard try FileHash.sha256(ofFile: file) == sha256 else { return false }
      let manifest = try JSONDecoder().decode(Manifest.self, from: try FileIO.contents(of: file))
      for file in manifest.files {
        // Damage to its bytes shows in the digest; a size is not needed to find it.
        try DataFolder.checkRelative(file.name)
        let found = try FileHash.sha256(ofFile: folder.appending(path: file.name))
        guard found == file.sha256 else { return false }
      }
      return true
    } catch StorageError.notFound, StorageError.unsafePath {
      return false
    } catch is DecodingError {
      return false
    }
  }
}
