import Foundation
import GRDB

/// Reads everything that finished jobs have left from the disk again, slowly: damage is found while a backup
/// may still have the file, not when somebody asks for it.
package struct Scrub: Sendable {
  /// Bytes read each second: a disk of 1 TB takes a day, and nobody beside it notices.
  package static let bytesPerSecond = 16 << 20

  /// What one pass has found.
  package struct Outcome: Equatable, Sendable {
    package var files = 0
    package var damaged: [String] = []
    /// Files that could not be read: the next pass tries again.
    package var unread = 0
  }

  private struct Stopped: Error {}

  private let stores: Stores
  private let bytesPerSecond: Int

  package init(_ stores: Stores, bytesPerSecond: Int = Scrub.bytesPerSecond) {
    self.stores = stores
    self.bytesPerSecond = max(1, bytesPerSecond)
  }

  /// One pass over all files.
  /// - Parameter isStopping: asked after each piece
  package func run(isStopping: @escaping @Sendable () -> Bool) async throws -> Outcome {
    var outcome = Outcome()
    var after: Int64 = 0
    while !isStopping(), let (ord, items) = try await next(after: after) {
      after = ord
      for item in items {
        do {
          try await check(item, isStopping)
          outcome.files += 1
        } catch StorageError.damaged(_, let detail) {
          outcome.files += 1
          outcome.damaged.append("\(try await stores.files.report(item, detail))")
        } catch is Stopped {
          return outcome
        } catch let error as StorageError where error.isPassing {
          outcome.unread += 1
        }
      }
    }
    return outcome
  }

  private func check(_ item: StoredItem, _ isStopping: @escaping @Sendable () -> Bool) async throws
  {
    let (integrity, pause) = (stores.files.integrity, 1_000_000.0 / Double(bytesPerSecond))
    try await BlockingIO.run {
      try integrity.check(item.file, bytes: item.bytes, sha256: item.sha256, afresh: true) {
        count in
        if isStopping() { throw Stopped() }
        usleep(UInt32(min(1_000_000, Double(count) * pause)))
      }
    }
  }

  /// The files of the first finished job behind this one.
  private func next(after ord: Int64) async throws -> (Int64, [StoredItem])? {
    let found = try await stores.database.read("looking for files to read again") { db in
      try Row.fetchOne(
        db,
        sql: """
          SELECT ord, id, dataset_id FROM jobs
          WHERE ord > ? AND status IN ('succeeded', 'failed', 'cancelled') ORDER BY ord LIMIT 1
          """,
        arguments: [ord]
      ).map {
        (ord: $0["ord"] as Int64, id: $0["id"] as String, dataset: $0["dataset_id"] as String)
      }
    }
    guard let found else { return nil }
    var items: [StoredItem] = []
    for artifact in try await stores.artifacts.list(ofJob: found.id) {
      items += artifact.files.map { .artifact(artifact, $0, in: stores.folder) }
    }
    for sample in try await stores.samples.list(ofJob: found.id) {
      items.append(.sample(sample, in: stores.folder))
    }
    for report in try await stores.reports.list(ofJob: found.id) {
      items += report.files.map { .report(report, $0, in: stores.folder) }
    }
    for image in try await stores.datasets.find(found.dataset)?.images ?? [] {
      for (blob, name) in [(image.blob, "image"), (image.mask, "the mask of image")] {
        guard let blob else { continue }
        items.append(.blob(blob, name: "\(name) \(image.id)", in: stores.blobs))
      }
    }
    return (found.ord, items)
  }
}
