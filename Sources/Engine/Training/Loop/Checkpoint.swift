package import Foundation
import Weights

/// A state of a run on disk: a folder renamed into place whose manifest lists the digest of every file.
///
/// It holds no generator state, because none exists. A reader accepts exactly what the manifest lists and
/// refuses everything else; it never warns and goes on.
package struct Checkpoint {
  /// What must be equal for a run to go on with the same bits: digests of recipe and base model, instruction set,
  /// library versions, threads.
  package typealias Identity = [String: String]

  package struct Manifest: Codable, Equatable, Sendable {
    package var version = 1
    package var step: Int
    package var identity: Identity
    package var files: [File]

    package struct File: Codable, Equatable, Sendable {
      package var name: String
      package var bytes: Int
      package var sha256: String
    }
  }

  package let folder: URL
  package let manifest: Manifest
  package let manifestSha256: String

  static let manifestName = "manifest.json"
  /// Holds the manifest's own digest, so that a flipped bit in a step number is seen as well.
  static let sealName = "manifest.sha256"

  /// `step-000100`
  package static func name(step: Int) -> String {
    let digits = String(step)
    return "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  /// Writes, renames into place, reads back and verifies; only then are older ones removed.
  /// - Parameters:
  ///   - keep: how many checkpoints stay in `parent`
  ///   - contents: writes the files, all directly below the given folder
  @discardableResult
  package static func write(
    step: Int, identity: Identity, in parent: URL, keep: Int, contents: (URL) throws -> Void
  ) throws -> Checkpoint {
    let target = parent.appendingPathComponent(name(step: step))
    var written: Checkpoint?
    try Durable.folder(
      at: target,
      contents: { folder in
        try contents(folder)
        let manifest = Manifest(step: step, identity: identity, files: try files(in: folder))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        let data = try encoder.encode(manifest)
        try data.write(to: folder.appendingPathComponent(manifestName))
        try Data(FileDigest.sha256(data).utf8).write(to: folder.appendingPathComponent(sealName))
      },
      verify: { written = try Checkpoint(opening: $0) })
    guard let written, written.manifest.identity == identity else {
      throw TrainingError.checkpointCorrupt(
        folder: name(step: step), reason: "reads back differently")
    }
    for old in try all(in: parent).dropLast(max(1, keep)) where old.step < step {
      try FileManager.default.removeItem(at: old.folder)
    }
    return written
  }

  /// Opens a folder in which every listed file is present and unchanged, and no other file.
  package init(opening folder: URL) throws(TrainingError) {
    let name = folder.lastPathComponent
    func corrupt(_ reason: String) -> TrainingError {
      .checkpointCorrupt(folder: name, reason: reason)
    }
    guard FileManager.default.fileExists(atPath: folder.path) else { throw corrupt("is missing") }
    func failed(_ error: any Error, _ reason: String) -> TrainingError {
      guard let code = SystemError.code(of: error), SystemError.isPassing(code) else {
        return corrupt(reason)
      }
      return .checkpointUnreadable(folder: name, code: code)
    }
    let (data, seal): (Data, Data)
    do {
      data = try Data(contentsOf: folder.appendingPathComponent(Self.manifestName))
      seal = try Data(contentsOf: folder.appendingPathComponent(Self.sealName))
    } catch {
      throw failed(error, "has no manifest: the write did not finish")
    }
    let digest = FileDigest.sha256(data)
    guard seal == Data(digest.utf8),
      let manifest = try? JSONDecoder().decode(Manifest.self, from: data)
    else { throw corrupt("its manifest is damaged") }
    guard manifest.version == 1 else {
      throw corrupt("its format is version \(manifest.version); this build reads version 1")
    }
    let found: [Manifest.File]
    do { found = try Self.files(in: folder) } catch {
      throw failed(error, String(describing: error))
    }
    for file in manifest.files {
      guard let present = found.first(where: { $0.name == file.name }) else {
        throw corrupt("\(file.name) is missing")
      }
      guard present == file else { throw corrupt("\(file.name) differs from its digest") }
    }
    let listed = Set(manifest.files.map(\.name))
    if let unknown = found.first(where: { !listed.contains($0.name) }) {
      throw corrupt("\(unknown.name) is not in its manifest")
    }
    (self.folder, self.manifest, manifestSha256) = (folder, manifest, digest)
  }

  /// - Throws: `resumeIncompatible` with the first field, by name, in which the two differ
  package func require(_ identity: Identity) throws(TrainingError) {
    let fields = Set(identity.keys).union(manifest.identity.keys)
    for field in fields.sorted() where identity[field] != manifest.identity[field] {
      throw .resumeIncompatible(
        field: field, checkpoint: manifest.identity[field] ?? "none", run: identity[field] ?? "none"
      )
    }
  }

  package func file(_ name: String) throws(TrainingError) -> URL {
    guard manifest.files.contains(where: { $0.name == name }) else {
      throw .checkpointCorrupt(folder: folder.lastPathComponent, reason: "holds no \(name)")
    }
    return folder.appendingPathComponent(name)
  }

  /// The newest checkpoint below `parent` that is whole, passing over those that are not.
  package static func newest(in parent: URL) throws -> Checkpoint? {
    for candidate in try all(in: parent).reversed() {
      do { return try Checkpoint(opening: candidate.folder) } catch {
        // A newer one that cannot be read now is no reason to go on from an older one.
        if case .checkpointUnreadable = error { throw error }
      }
    }
    return nil
  }

  /// Checkpoint folders below `parent` by their names, oldest first.
  private static func all(in parent: URL) throws -> [(step: Int, folder: URL)] {
    guard FileManager.default.fileExists(atPath: parent.path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: parent.path).compactMap { entry in
      guard entry.hasPrefix("step-"), let step = Int(entry.dropFirst("step-".count)) else {
        return nil
      }
      return (step, parent.appendingPathComponent(entry))
    }.sorted { $0.step < $1.step }
  }

  private static func files(in folder: URL) throws -> [Manifest.File] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { $0 != manifestName && $0 != sealName }
      .map { name in
        let file = folder.appendingPathComponent(name)
        let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
        return Manifest.File(name: name, bytes: size ?? -1, sha256: try FileDigest.sha256(file))
      }
  }
}
