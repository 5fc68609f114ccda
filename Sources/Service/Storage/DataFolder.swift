package import Foundation
import Glibc

/// The one folder the service owns, and where everything lies in it. Ids are paths; names from outside
/// never are.
package struct DataFolder: Sendable {
  package let root: URL

  /// Creates what is missing.
  package init(_ root: URL) throws {
    self.root = root.standardizedFileURL
    for folder in [root, blobs, uploads, jobs, cache, temporary] {
      try FileIO.createFolder(folder)
    }
    try closeToOthers()
  }

  /// A folder that was made beforehand may be open to everybody, and so may what was copied into it.
  func closeToOthers() throws {
    let wal = root.appending(path: "dreambooth.db-wal")
    for item in [root, database, wal, lock, marker] {
      let mode: mode_t = item == root ? 0o700 : 0o600
      var status = stat()
      guard stat(item.path, &status) == 0, status.st_mode & 0o077 != 0 else { continue }
      guard chmod(item.path, mode) == 0 else {
        throw FileIO.error("closing \(item.path) to other users")
      }
    }
  }

  package var database: URL { root.appending(path: "dreambooth.db") }
  /// Holds the id that the database holds, too.
  package var marker: URL { root.appending(path: "dreambooth.id") }
  package var lock: URL { root.appending(path: "dreambooth.lock") }
  /// Space for what must be written on a full disk.
  package var ballast: URL { root.appending(path: "dreambooth.ballast") }
  package var blobs: URL { root.appending(path: "blobs") }
  package var uploads: URL { root.appending(path: "uploads") }
  package var jobs: URL { root.appending(path: "jobs") }
  /// Pictures drawn from frozen base models, shared by jobs.
  package var cache: URL { root.appending(path: "cache") }
  /// Bodies on their way in; emptied at start.
  package var temporary: URL { root.appending(path: "tmp") }

  /// What a start could not account for, by day.
  package var quarantine: URL { root.appending(path: "quarantine") }

  /// Photos as uploaded, until intake has looked at them.
  package func uploads(ofJob id: String) -> URL { uploads.appending(path: id) }
  package func upload(ofJob id: String, position: Int) -> URL {
    uploads(ofJob: id).appending(path: "\(position)")
  }

  /// The mask that came with the photo at this position.
  package func mask(ofJob id: String, position: Int) -> URL {
    uploads(ofJob: id).appending(path: "\(position).mask")
  }

  package func job(_ id: String) -> URL { jobs.appending(path: id) }
  package func attempt(ofJob id: String, epoch: Int) -> URL {
    job(id).appending(path: Self.attemptName(epoch: epoch))
  }
  package static func attemptName(epoch: Int) -> String { "e\(epoch)" }
  package func log(ofJob id: String) -> URL { job(id).appending(path: "log.txt") }
  package func metrics(ofJob id: String) -> URL { job(id).appending(path: "metrics.ndjson") }

  /// Checkpoints of other jobs that this one begins with: weights alone, or the whole run.
  package func initFrom(ofJob id: String) -> URL { job(id).appending(path: "init") }
  package func resumeFrom(ofJob id: String) -> URL { job(id).appending(path: "resume") }

  /// A file below the job's folder, named by a stored record.
  package func file(ofJob id: String, _ name: String) -> URL { job(id).appending(path: name) }

  /// Refuses what could leave a folder: absolute paths, `..`, empty parts, NUL.
  package static func checkRelative(_ path: String) throws(StorageError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let plain = parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    guard plain, !path.utf8.contains(0), path.utf8.count <= 1024 else { throw .unsafePath(path) }
  }
}
