import Foundation
import Glibc
import Logging
import Storage

/// At start the service owns no children, so no row may say that one runs. Jobs that were running wait
/// in the queue again, for no attempt; what interrupted writes have left is removed, and what no row
/// accounts for goes into quarantine.
struct Recovery: Sendable {
  private let stores: Stores
  private let log: Logger

  init(_ stores: Stores, log: Logger) {
    self.stores = stores
    self.log = log
  }

  /// What must be done before the first request: nothing here asks the database for each job that ever was.
  func run() async throws {
    let moved = try await moveOn()
    try await sweep(alsoJobs: moved)
    try await stores.idempotency.expire(now: stores.time.now)
  }

  /// What attempts of finished jobs left, looked for beside the service's work: no other part of it writes into such a
  /// job's folder.
  ///
  /// - Parameter isStopping: asked before each job
  func sweepFinished(isStopping: () -> Bool) async throws {
    let quarantine = Quarantine(stores.folder, now: stores.time.now)
    for (id, state) in try await stores.jobs.states().sorted(by: { $0.key < $1.key })
    where state.isFinal {
      if isStopping() { return }
      try await sweepJob(id, quarantine)
    }
  }

  /// Jobs in `validating` stay there: the dispatcher looks at their stored photos again.
  /// - Returns: ids of the jobs that a former process was busy with
  private func moveOn() async throws -> Set<String> {
    let moves: [JobState: JobMove] = [
      .running: JobMove(to: .queued, from: [.running], message: "the service was restarted"),
      .pausing: JobMove(to: .paused, from: [.pausing], message: "the service was restarted"),
      .cancelling: JobMove(to: .cancelled, from: [.cancelling], message: "the worker is gone"),
    ]
    let jobs = try await stores.jobs.all(in: Set(moves.keys))
    for job in jobs {
      if let move = moves[job.status] { _ = try await stores.jobs.move(job.id, move) }
    }
    return Set(jobs.map(\.id))
  }

  private func sweep(alsoJobs moved: Set<String>) async throws {
    let folder = stores.folder
    let quarantine = Quarantine(folder, now: stores.time.now)
    let states = try await stores.jobs.states()
    let usedBlobs = try await stores.datasets.usedBlobs()
    let (blobs, now) = (stores.blobs, stores.time.now)
    report(
      try await BlockingIO.run {
        for name in Self.names(in: folder.temporary) {
          try FileIO.remove(folder.temporary.appending(path: name))
        }
        return try blobs.collect(keeping: usedBlobs, into: quarantine)
      })
    for id in Self.names(in: folder.uploads) where states[id] != .validating {
      let uploads = folder.uploads(ofJob: id)
      // Intake is over for a job that is known; of any other nobody can say.
      let isKnown = states[id] != nil
      report(
        try await BlockingIO.run {
          if isKnown { try FileIO.remove(uploads) }
          return isKnown ? [] : try Self.takeUnlessEmpty(uploads, quarantine, Self.unknownJob)
        })
    }
    for id in Self.names(in: folder.jobs) {
      if let state = states[id] {
        if !state.isFinal || moved.contains(id) { try await sweepJob(id, quarantine) }
      } else {
        report(
          try await BlockingIO.run {
            try Self.takeUnlessEmpty(folder.job(id), quarantine, Self.unknownJob)
          })
      }
    }
    for day in try await BlockingIO.run({ try quarantine.expire(now: now) }) {
      log.notice(
        "removed a day of the quarantine: it was kept for \(Quarantine.keptDays) days",
        metadata: ["day": "\(day)"])
    }
  }

  /// Keeps of a job's folder the attempts that some row refers to. The rest may be newer than the
  /// database, if that is a backup: only what has the name of unfinished work is removed.
  private func sweepJob(_ id: String, _ quarantine: Quarantine) async throws {
    let folder = stores.folder.job(id)
    let checkpoints = try await stores.checkpoints.list(ofJob: id)
    var epochs = Set(checkpoints.map(\.epoch))
    epochs.formUnion(try await stores.samples.list(ofJob: id).map(\.epoch))
    epochs.formUnion(try await stores.reports.list(ofJob: id).map(\.epoch))
    epochs.formUnion(try await stores.artifacts.list(ofJob: id).map(\.epoch))
    let attempts = Set(epochs.map(DataFolder.attemptName(epoch:)))
    let kept = Set(checkpoints.map(\.folder))
    report(
      try await BlockingIO.run {
        var moved: [Quarantine.Entry] = []
        for name in Self.names(in: folder) where Self.isAttempt(name) {
          let attempt = folder.appending(path: name)
          for entry in Self.names(in: attempt) {
            let item = attempt.appending(path: entry)
            if entry.hasPrefix(".partial-") || entry.hasSuffix(".tmp") {
              try FileIO.remove(item)
            } else if entry.hasPrefix("step-"), !kept.contains("\(name)/\(entry)") {
              moved += try Self.takeUnlessEmpty(
                item, quarantine, "the database has no record of this checkpoint")
            }
          }
          if !attempts.contains(name) {
            moved += try Self.takeUnlessEmpty(
              attempt, quarantine, "the database has no record of what this attempt wrote")
          }
        }
        return moved
      })
  }

  private static let unknownJob = "the database has no job of this id"

  /// An empty folder holds nothing to keep.
  private static func takeUnlessEmpty(
    _ item: URL, _ quarantine: Quarantine, _ reason: String
  ) throws -> [Quarantine.Entry] {
    if rmdir(item.path) == 0 { return [] }
    return [try quarantine.take(item, because: reason)]
  }

  private func report(_ moved: [Quarantine.Entry]) {
    for entry in moved {
      log.warning(
        "moved into quarantine: \(entry.reason)",
        metadata: ["from": "\(entry.from)", "to": "\(entry.to)"])
    }
  }

  private static func isAttempt(_ name: String) -> Bool {
    name.hasPrefix("e") && Int(name.dropFirst()) != nil
  }

  private static func names(in folder: URL) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }
}
