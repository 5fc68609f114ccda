import Foundation
import Storage

/// At start the service owns no children, so no row may say that one runs. Jobs that were running wait
/// in the queue again, for no attempt; what interrupted writes have left is removed.
struct Recovery: Sendable {
  private let stores: Stores

  init(_ stores: Stores) { self.stores = stores }

  func run() async throws {
    try await moveOn()
    try await sweep()
    try await stores.idempotency.expire(now: stores.time.now)
  }

  /// Jobs in `validating` stay there: the dispatcher looks at their stored photos again.
  private func moveOn() async throws {
    let moves: [JobState: JobMove] = [
      .running: JobMove(to: .queued, from: [.running], message: "the service was restarted"),
      .pausing: JobMove(to: .paused, from: [.pausing], message: "the service was restarted"),
      .cancelling: JobMove(to: .cancelled, from: [.cancelling], message: "the worker is gone"),
    ]
    for job in try await stores.jobs.all(in: Set(moves.keys)) {
      if let move = moves[job.status] { _ = try await stores.jobs.move(job.id, move) }
    }
  }

  private func sweep() async throws {
    let folder = stores.folder
    let validating = Set(try await stores.jobs.all(in: [.validating]).map(\.id))
    let usedBlobs = try await stores.datasets.usedBlobs()
    let blobs = stores.blobs
    try await BlockingIO.run {
      for name in Self.names(in: folder.temporary) {
        try FileIO.remove(folder.temporary.appending(path: name))
      }
      for name in Self.names(in: folder.uploads) where !validating.contains(name) {
        try FileIO.remove(folder.uploads.appending(path: name))
      }
      try blobs.collect(keeping: usedBlobs)
    }
    for id in Self.names(in: folder.jobs) { try await sweepJob(id) }
  }

  /// Keeps of a job's folder the attempts that some row refers to, without what they left unfinished.
  private func sweepJob(_ id: String) async throws {
    let folder = stores.folder.job(id)
    guard try await stores.jobs.find(id) != nil else {
      return try await BlockingIO.run { try FileIO.remove(folder) }
    }
    let checkpoints = try await stores.checkpoints.list(ofJob: id)
    var epochs = Set(checkpoints.map(\.epoch))
    epochs.formUnion(try await stores.samples.list(ofJob: id).map(\.epoch))
    epochs.formUnion(try await stores.reports.list(ofJob: id).map(\.epoch))
    epochs.formUnion(try await stores.artifacts.list(ofJob: id).map(\.epoch))
    let attempts = Set(epochs.map(DataFolder.attemptName(epoch:)))
    let kept = Set(checkpoints.map(\.folder))
    try await BlockingIO.run {
      for name in Self.names(in: folder) where Self.isAttempt(name) {
        let attempt = folder.appending(path: name)
        guard attempts.contains(name) else {
          try FileIO.remove(attempt)
          continue
        }
        for entry in Self.names(in: attempt) {
          let unfinished = entry.hasPrefix(".") || entry.hasSuffix(".tmp")
          let unlisted = entry.hasPrefix("step-") && !kept.contains("\(name)/\(entry)")
          if unfinished || unlisted { try FileIO.remove(attempt.appending(path: entry)) }
        }
      }
    }
  }

  private static func isAttempt(_ name: String) -> Bool {
    name.hasPrefix("e") && Int(name.dropFirst()) != nil
  }

  private static func names(in folder: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }
}
