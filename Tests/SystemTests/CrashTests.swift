import Foundation
import Testing

/// kill -9 of the child and of the service at chosen moments: the job finishes by itself, with the weights of
/// an undisturbed run (P5, P7).
@Suite(.serialized) struct CrashTests {
  private static var job: [String: Any] { Subjects.job(seed: 11, steps: 40, checkpointEvery: 10) }

  /// Weights of the undisturbed run, computed once.
  private static let undisturbed = Task {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    let id = try await service.submit(job: job, photos: Subjects.photos)
    let end = try await service.finished(id)
    #expect(end["status"] as? String == "succeeded", "\(end)")
    let digest = try await service.weights(of: id)
    // The digest can tell runs apart: another seed, other weights.
    let other = try await service.submit(
      job: Subjects.job(seed: 12, steps: 40, checkpointEvery: 10), photos: Subjects.photos)
    try await service.finished(other)
    #expect(try await service.weights(of: other) != digest)
    #expect(try await service.stop() == 0)
    return digest
  }

  /// Where the blow falls.
  enum Moment: String, CaseIterable, Sendable {
    case classImages, beforeFirstCheckpoint, afterCheckpoint, whileCheckpointIsWritten
    case lateInTraining, sampling, exporting

    func isReached(_ job: [String: Any], data: URL) -> Bool {
      let step = (job["progress"] as? [String: Any])?["step"] as? Int ?? 0
      let phase = job["phase"] as? String ?? ""
      return switch self {
      case .classImages: phase == "class_images"
      case .beforeFirstCheckpoint: phase == "training" && step >= 1
      case .afterCheckpoint: step >= 12
      case .whileCheckpointIsWritten: Self.hasPartialCheckpoint(below: data)
      case .lateInTraining: step >= 32
      case .sampling: phase == "sampling" && step >= 10
      case .exporting: phase == "exporting"
      }
    }

    /// A folder that is still being written has another name than a checkpoint.
    static func hasPartialCheckpoint(below data: URL) -> Bool {
      let paths = FileManager.default.enumerator(atPath: data.path)
      while let path = paths?.nextObject() as? String {
        if path.split(separator: "/").last?.hasPrefix(".partial-step") == true { return true }
      }
      return false
    }
  }

  /// Polls closely: the moment may last milliseconds. A moment that passed unseen ends with the job.
  private func strike(
    _ service: RunningService, _ id: String, at moment: Moment, _ blow: () async -> Void
  ) async throws -> Bool {
    let started = Date()
    while Date().timeIntervalSince(started) < 120 {
      if moment == .whileCheckpointIsWritten {
        if moment.isReached([:], data: service.data) {
          await blow()
          return true
        }
      }
      let job = try await service.get("/v1/jobs/\(id)").json
      if job["status"] as? String == "succeeded" { return false }
      if moment.isReached(job, data: service.data), !service.workers.isEmpty {
        await blow()
        return true
      }
      try await Task.sleep(for: .milliseconds(2))
    }
    return false
  }

  @Test(arguments: Moment.allCases)
  func `P5 P7 a child killed at any moment changes nothing in the weights`(_ moment: Moment)
    async throws
  {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    let id = try await service.submit(job: Self.job, photos: Subjects.photos)
    let hit = try await strike(service, id, at: moment) {
      for worker in service.workers { kill(worker, SIGKILL) }
    }
    let end = try await service.finished(id)
    #expect(end["status"] as? String == "succeeded", "\(end)")
    // A blow that never fell would prove nothing; short moments may pass between two looks.
    #expect(hit || ![.beforeFirstCheckpoint, .afterCheckpoint].contains(moment))
    if hit, [.beforeFirstCheckpoint, .afterCheckpoint].contains(moment) {
      #expect((end["epoch"] as? Int ?? 0) >= 2, "killed at \(moment), yet one claim only")
    }
    #expect(try await service.weights(of: id) == Self.undisturbed.value)
    #expect(try await service.stop() == 0)
  }

  @Test(arguments: [Moment.classImages, .afterCheckpoint, .whileCheckpointIsWritten, .exporting])
  func `P2 P5 the service killed with its child goes on after restart`(_ moment: Moment)
    async throws
  {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = folder.appending(path: "data")
    let first = try await RunningService(data: data)
    let id = try await first.submit(job: Self.job, photos: Subjects.photos)
    let hit = try await strike(first, id, at: moment) {
      let workers = first.workers
      await first.crash()
      // The child goes with its parent; nothing may still write when the next service starts.
      while workers.contains(where: { kill($0, 0) == 0 && !isZombie($0) }) {
        try? await Task.sleep(for: .milliseconds(10))
      }
    }
    #expect(hit || moment != .afterCheckpoint)
    if first.isRunning { await first.crash() }
    let second = try await RunningService(data: data)
    let end = try await second.finished(id)
    #expect(end["status"] as? String == "succeeded", "\(end)")
    #expect(end["attempt"] as? Int == 1, "a crash of the service costs no attempt")
    #expect(try await second.weights(of: id) == Self.undisturbed.value)
    #expect(try await second.stop() == 0)
  }

  @Test func `P5 killed three times, the same weights`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let service = try await RunningService(data: folder.appending(path: "data"))
    var job = Self.job
    job["max_attempts"] = 5
    let id = try await service.submit(job: job, photos: Subjects.photos)
    for step in [5, 15, 25] {
      try await service.wait(for: id) { job in
        ((job["progress"] as? [String: Any])?["step"] as? Int ?? 0) >= step
          || job["status"] as? String == "succeeded"
      }
      for worker in service.workers { kill(worker, SIGKILL) }
    }
    let end = try await service.finished(id)
    #expect(end["status"] as? String == "succeeded", "\(end)")
    #expect(try await service.weights(of: id) == Self.undisturbed.value)
    #expect(try await service.stop() == 0)
  }

  @Test func `a graceful stop writes a checkpoint, and the job ends with the same weights`()
    async throws
  {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let data = folder.appending(path: "data")
    let first = try await RunningService(data: data)
    let id = try await first.submit(job: Self.job, photos: Subjects.photos)
    try await first.wait(for: id) { ($0["phase"] as? String) == "training" }
    #expect(try await first.stop() == 0)
    let second = try await RunningService(data: data)
    let end = try await second.finished(id)
    #expect(end["status"] as? String == "succeeded", "\(end)")
    #expect(end["attempt"] as? Int == 1)
    #expect(try await second.weights(of: id) == Self.undisturbed.value)
    #expect(try await second.stop() == 0)
  }
}

private func isZombie(_ pid: Int32) -> Bool {
  guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
    return true
  }
  return stat.contains(") Z ")
}
