import Contract
import Foundation
import Storage
import Synchronization

/// A clock that moves when told.
final class ManualTime: TimeSource {
  private let milliseconds: Mutex<Int64>

  init(_ milliseconds: Int64 = 1_790_000_000_000) { self.milliseconds = Mutex(milliseconds) }

  var now: Timestamp { Timestamp(milliseconds: milliseconds.withLock { $0 }) }
  func advance(milliseconds step: Int64) { milliseconds.withLock { $0 += step } }
  func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}

/// A data folder of its own, removed when the test lets go of it.
final class StorageFixture: Sendable {
  let root: URL
  let folder: DataFolder
  let time = ManualTime()
  private let fatal = Mutex<[StorageError]>([])

  var fatalErrors: [StorageError] { fatal.withLock { $0 } }

  init() throws {
    root = FileManager.default.temporaryDirectory
      .appending(path: "storage-\(UUID().uuidString)")
    folder = try DataFolder(root)
  }

  deinit { try? FileManager.default.removeItem(at: root) }

  static var migrations: URL {
    URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "migrations")
  }

  func openDatabase(checking: Bool = true) throws -> Database {
    try Database(folder, checking: checking) { [weak self] error in
      self?.fatal.withLock { $0.append(error) }
    }
  }

  func open() async throws -> Stores {
    let database = try openDatabase()
    try await Migrator(folder: Self.migrations).apply(database, now: time.now)
    return Stores(folder, database, time: time)
  }

  static func draft(_ noun: String = "dog") -> JobDraft {
    JobDraft(
      config: #"{"class_noun":"\#(noun)"}"#, recipe: TrainingRecipe(classNoun: noun),
      baseModel: BaseModelReference(id: "starter", sha256: "00"), build: "test")
  }
}

extension Stores {
  /// A stored job, moved to the queue.
  @discardableResult
  func queued(_ draft: JobDraft = StorageFixture.draft()) async throws -> Job {
    let job = try await validating(draft)
    let move = JobMove(to: .queued, from: [.validating])
    guard let queued = try await jobs.move(job.id, move) else {
      throw StorageError.notFound("job \(job.id)")
    }
    return queued
  }

  func validating(_ draft: JobDraft = StorageFixture.draft()) async throws -> Job {
    let id = ids.next(.job)
    let photos = [UploadedPhoto(fileName: "a.jpg", bytes: 10)]
    _ = try await jobs.create(draft, id: id, photos: photos, idempotency: nil) { _ in Data() }
    guard let job = try await jobs.find(id) else { throw StorageError.notFound("job \(id)") }
    return job
  }
}
