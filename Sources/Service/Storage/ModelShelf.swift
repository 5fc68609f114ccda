package import Contract
package import Foundation
import Synchronization

/// The base models on disk: folders in diffusers layout below the models folder.
package final class ModelShelf: Sendable {
  /// What the service says of a model; the engine opens the folder itself.
  package struct Model: Codable, Equatable, Sendable {
    /// The folder's name.
    package var id: String
    /// SHA-256 over the lines `<name> <sha256>\n` of the files that decide what it draws: the same digest
    /// that the engine gives a base model.
    package var sha256: String
    /// Sum of all its files.
    package var bytes: Int
    /// `_class_name` of `model_index.json`: `StableDiffusionPipeline`.
    package var className: String
    /// Component to class: `unet` to `UNet2DConditionModel`.
    package var components: [String: String]
    /// Side of its pictures in pixels, as its `unet` and `vae` configurations say.
    package var resolution: Int?
    /// What its network says, by its scheduler's configuration: `epsilon`, `v_prediction`.
    package var prediction: String?
    package var defaults: RecommendedDefaults?
    /// Why nothing can be trained on it; `nil` if its files say nothing against it.
    package var refusal: String?
    /// Sides of its pictures in pixels are multiples of this.
    package var sideMultiple: Int?
  }

  private struct Hashed: Sendable {
    var stamp: [String]
    var sha256: String
  }

  private let root: URL
  private let hashes = Mutex<[String: Hashed]>([:])

  package init(_ root: URL) { self.root = root }

  /// Models by id, sorted. Folders without a readable `model_index.json` are not models.
  package func list() async throws -> [Model] {
    try await BlockingIO.run { [self] in
      try FileIO.names(in: root).compactMap { try describe($0) }
    }
  }

  /// - Returns: `nil` if there is no such model; names that could leave the folder are none.
  package func find(_ id: String) async throws -> Model? {
    try await BlockingIO.run { [self] in try describe(id) }
  }

  package func folder(_ id: String) -> URL { root.appending(path: id) }

  private func describe(_ id: String) throws -> Model? {
    guard !id.hasPrefix("."), !id.contains("/"), (try? DataFolder.checkRelative(id)) != nil else {
      return nil
    }
    let folder = folder(id)
    guard let data = try contents(folder.appending(path: "model_index.json")),
      let index = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
      let className = index["_class_name"] as? String
    else { return nil }
    var components: [String: String] = [:]
    for (name, value) in index {
      if let pair = value as? [Any], pair.count == 2, let type = pair[1] as? String {
        components[name] = type
      }
    }
    let files = try files(of: folder)
    let support = try ModelSupport { try contents(folder.appending(path: $0)) }
    return Model(
      id: id, sha256: try hash(id, folder, files), bytes: files.reduce(0) { $0 + $1.bytes },
      className: className, components: components, resolution: support.resolution,
      prediction: support.prediction, defaults: RecommendedDefaults.ofModel(at: folder),
      refusal: support.refusal, sideMultiple: support.sideMultiple)
  }

  /// - Throws: a passing `StorageError` if it cannot be read now: a model is not gone for want of a descriptor
  private func contents(_ file: URL) throws -> Data? {
    do { return try FileIO.contents(of: file) } catch StorageError.notFound { return nil }
  }

  private struct Entry {
    var name: String
    var bytes: Int
    var modified: Double
  }

  /// Files that make the model, by name: hidden ones and notes are not among them.
  private func files(of folder: URL) throws -> [Entry] {
    try FileIO.paths(below: folder).compactMap { name in
      let isModelFile = ["json", "safetensors", "txt"].contains((name as NSString).pathExtension)
      guard isModelFile, !name.split(separator: "/").contains(where: { $0.hasPrefix(".") }),
        let status = try FileIO.status(folder.appending(path: name)), status.isRegular
      else { return nil }
      return Entry(name: name, bytes: status.bytes, modified: status.modified)
    }
  }

  private static let decisive: Set = ["scheduler", "text_encoder", "tokenizer", "unet", "vae"]

  private static func decides(_ name: String) -> Bool {
    let parts = name.split(separator: "/")
    return parts.count == 2 && decisive.contains(String(parts[0]))
  }

  /// Digests of gigabytes are worked out once, and again when a size or a time changes.
  private func hash(_ id: String, _ folder: URL, _ files: [Entry]) throws -> String {
    let stamp = files.map { "\($0.name) \($0.bytes) \($0.modified)" }
    if let known = hashes.withLock({ $0[id] }), known.stamp == stamp { return known.sha256 }
    let lines = try files.map(\.name).filter(Self.decides).map { name in
      "\(name) \(try FileHash.sha256(ofFile: folder.appending(path: name)))\n"
    }
    let sha256 = FileHash.sha256(Data(lines.joined().utf8))
    hashes.withLock { $0[id] = Hashed(stamp: stamp, sha256: sha256) }
    return sha256
  }
}
