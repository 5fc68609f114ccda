package import Foundation

/// A file that a row of the database vouches for, with the jobs that are concerned if it is damaged.
package struct StoredItem: Sendable {
  enum Owner: Sendable {
    case job(String)
    /// Photos are shared by every job of their dataset.
    case blob(String)
  }

  /// What it is to a user: `artifact art_... (unet/weights.safetensors)`.
  package let name: String
  package let file: URL
  package let bytes: Int?
  package let sha256: String
  let owner: Owner
  /// What can be done about damage.
  let remedy: String

  package static func artifact(
    _ artifact: Artifact, _ file: StoredFile, in folder: DataFolder
  ) -> StoredItem {
    ofJob(
      artifact.jobId, "file \(file.name) of artifact \(artifact.id)",
      StoredFile(
        name: "\(artifact.folder)/\(file.name)", bytes: file.bytes, sha256: file.sha256), folder)
  }

  package static func sample(_ sample: Sample, in folder: DataFolder) -> StoredItem {
    ofJob(
      sample.jobId, "sample \(sample.id)",
      StoredFile(name: sample.file, bytes: sample.bytes, sha256: sample.sha256), folder)
  }

  package static func report(
    _ report: Report, _ file: StoredFile, in folder: DataFolder
  ) -> StoredItem {
    ofJob(report.jobId, "report \(report.id)", file, folder)
  }

  /// - Parameter name: what the picture is to the user, as `images/2`
  package static func blob(_ sha256: String, name: String, in folder: BlobFolder) -> StoredItem {
    StoredItem(
      name: name, file: folder.url(sha256), bytes: nil, sha256: sha256, owner: .blob(sha256),
      remedy:
        "put blobs/\(sha256.prefix(2))/\(sha256) back from a backup, or send the photos again "
        + "as a new job")
  }

  private static func ofJob(
    _ id: String, _ name: String, _ file: StoredFile, _ folder: DataFolder
  ) -> StoredItem {
    StoredItem(
      name: name, file: folder.file(ofJob: id, file.name), bytes: file.bytes, sha256: file.sha256,
      owner: .job(id),
      remedy: "put jobs/\(id)/\(file.name) back from a backup, or train again with POST "
        + "/v1/jobs/\(id)/retry")
  }

  /// The path below the data folder.
  var path: String {
    switch owner {
    case .job(let id):
      file.path.components(separatedBy: "/jobs/\(id)/").last.map { "jobs/\(id)/\($0)" }
        ?? file.lastPathComponent
    case .blob(let sha256): "blobs/\(sha256.prefix(2))/\(sha256)"
    }
  }
}
