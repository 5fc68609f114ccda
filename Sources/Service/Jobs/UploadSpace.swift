package import Foundation
import Storage
import Synchronization

/// Space that uploads under way have been promised and have not written yet: a later one gets only what is
/// left beside them.
final class UploadSpace: Sendable {
  private struct Promise {
    var bytes: Int64
    var folder: URL?
  }

  private struct State {
    var next = 0
    var promises: [Int: Promise] = [:]
  }

  private let state = Mutex(State())

  /// Bytes that are promised and not written. Blocks for the disk.
  /// - Parameter excluded: a promise that is not counted
  func outstanding(except excluded: Int? = nil) -> Int64 {
    state.withLock { state in
      state.promises.filter { $0.key != excluded }.values.reduce(0) { sum, promise in
        sum + max(0, promise.bytes - (promise.folder.map(Self.bytes) ?? 0))
      }
    }
  }

  func promise(_ bytes: Int64) -> Int {
    state.withLock { state in
      state.next += 1
      state.promises[state.next] = Promise(bytes: bytes, folder: nil)
      return state.next
    }
  }

  func set(_ key: Int, bytes: Int64) { state.withLock { $0.promises[key]?.bytes = bytes } }
  func set(_ key: Int, folder: URL) { state.withLock { $0.promises[key]?.folder = folder } }
  func end(_ key: Int) { state.withLock { _ = $0.promises.removeValue(forKey: key) } }

  static func bytes(in folder: URL) -> Int64 {
    let names = (try? FileIO.names(in: folder)) ?? []
    return names.reduce(0) { sum, name in
      let status = try? FileIO.status(folder.appending(path: name))
      return sum + Int64(status?.bytes ?? 0)
    }
  }
}

/// The space of one upload, free for others when the last holder lets go.
package final class SpaceReservation: Sendable {
  private let queue: JobQueue
  private let key: Int
  private let folder = Mutex<URL?>(nil)
  private let isFixed: Bool

  /// - Parameter isFixed: the length of the body is known, and all of it is promised
  init(_ queue: JobQueue, _ key: Int, isFixed: Bool) {
    (self.queue, self.key, self.isFixed) = (queue, key, isFixed)
  }

  deinit { queue.space.end(key) }

  /// Where the upload is written: what lies there is no longer outstanding.
  package func use(_ folder: URL) {
    self.folder.withLock { $0 = folder }
    queue.space.set(key, folder: folder)
  }

  /// Before a part of a body of unknown length is taken.
  /// - Throws: `JobError.diskLow`
  package func require(_ bytes: Int) async throws {
    guard !isFixed else { return }
    let folder = folder.withLock { $0 }
    let written = try await BlockingIO.run { folder.map(UploadSpace.bytes) ?? 0 }
    try await queue.requireDisk(for: Int64(bytes), except: key)
    queue.space.set(key, bytes: written + Int64(bytes))
  }
}
