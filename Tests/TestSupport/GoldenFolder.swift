package import Foundation
import Weights

/// The folder of golden fixtures and its manifest.
package enum GoldenFolder {
  static let remedy = "Write the fixtures again with `python Tools/golden/make.py`"

  package static let repository = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  package static let url: URL = {
    if let path = ProcessInfo.processInfo.environment["GOLDEN_DIR"], !path.isEmpty {
      return URL(filePath: path, directoryHint: .isDirectory)
    }
    return repository.appending(path: "Tests/Fixtures/golden")
  }()

  /// The file's address, once its digest and those of the scripts that wrote it are what the manifest says.
  package static func verified(_ name: String) throws -> URL {
    let file = url.appending(path: name)
    let manifest = try manifest.get()
    guard let expected = manifest.files[name] else {
      throw GoldenError.missing(key: name, file: "\(url.path)/MANIFEST.json")
    }
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw GoldenError.unusable(file: file.path, reason: "the file is missing")
    }
    guard try FileDigest.sha256(file) == expected else {
      throw GoldenError.unusable(file: file.path, reason: "its digest is not the manifest's")
    }
    return file
  }

  private struct Manifest: Decodable {
    let scripts: [String: String]
    let files: [String: String]
  }

  /// Read and held against the scripts once.
  private static let manifest = Result<Manifest, any Error> {
    let path = url.appending(path: "MANIFEST.json")
    guard let data = try? Data(contentsOf: path) else {
      throw GoldenError.unusable(file: path.path, reason: "the file is missing")
    }
    let manifest = try JSONDecoder().decode(Manifest.self, from: data)
    let scripts = repository.appending(path: "Tools/golden")
    for (name, digest) in manifest.scripts.sorted(by: { $0.key < $1.key }) {
      guard try FileDigest.sha256(scripts.appending(path: name)) == digest else {
        throw GoldenError.unusable(
          file: path.path, reason: "stale: Tools/golden/\(name) has changed since")
      }
    }
    return manifest
  }
}
