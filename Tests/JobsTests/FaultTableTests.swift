import Contract
import Foundation
import Glibc
import Jobs
import Storage
import Synchronization
import Testing

/// Faults that pass, at every place where a job touches disk, processes and database. None ends a job for good,
/// and none costs it an attempt. What is fatal ends the process: the next one goes on.
@Suite(.serialized) struct FaultTableTests {
  /// What is failing, and how often before it works again.
  struct Fault: CustomTestStringConvertible, Sendable {
    var stage: String
    var call: FaultPoint.Call
    /// Part of the path.
    var place: String
    var code: Int32
    /// Calls that are let through first.
    var after = 0
    var times = 2

    var testDescription: String { "\(stage): \(call.rawValue) \(place) \(code) after \(after)" }
  }

  static let shortages = [EMFILE, ENFILE, ENOMEM, EAGAIN]

  static let table: [Fault] = {
    func each(
      _ stage: String, _ call: FaultPoint.Call, _ place: String, _ codes: [Int32]
    ) -> [Fault] {
      codes.map { Fault(stage: stage, call: call, place: place, code: $0) }
    }
    var table =
      each("intake", .open, "/data/tmp/", shortages + [EIO])
      + each("intake", .read, "/data/tmp/", [EIO, ENOMEM])
      + each("intake", .sync, "/data/tmp/", [ENOSPC, EIO])
      + each("intake", .rename, "/data/tmp/", [ENOSPC, EIO])
      + each("model read", .open, "/models/", shortages + [EIO, ESTALE])
      + each("model read", .read, "/models/", [EIO])
      + each("blob read", .open, "/data/blobs/", shortages + [EIO])
      + each("blob read", .read, "/data/blobs/", [EIO])
      + each("order", .open, "/data/jobs/", shortages + [ENOSPC, EIO])
      + each("start of child", .spawn, "log.txt", shortages + [EIO])
      + each("checkpoint read", .open, "/step-000002", shortages + [EIO])
      + each("checkpoint read", .read, "/step-000002", [EIO, ENOMEM])
      + each("publish", .open, "/export/", shortages + [EIO])
      + each("publish", .read, "/export/", [EIO])
      + each("publish", .sync, "/export/", [ENOSPC, EIO])
      + each("metric log", .open, "metrics.ndjson", shortages + [ENOSPC, EIO])
      + each("metric log", .write, "metrics.ndjson", [ENOSPC, EDQUOT, EIO])
    // Seeded: which write of the database is hit decides which move or record it is.
    var seed: UInt64 = 44
    for code in [ENOSPC, ENOMEM, EMFILE, EIO] {
      for _ in 0..<4 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        table.append(
          Fault(
            stage: "database", call: .database, place: "dreambooth.db", code: code,
            after: Int(seed >> 33) % 14, times: code == EIO ? 1 : 2))
      }
    }
    return table
  }()

  @Test func `the table is large enough`() {
    #expect(Self.table.count >= 44)
    #expect(Set(Self.table.map(\.stage)).count == 9)
  }

  @Test(arguments: table)
  func `no passing fault ends a job for good`(fault: Fault) async throws {
    let isIntake = fault.stage == "intake"
    var fixture = try await JobsFixture(expectsFatal: true)
    let root = fixture.root
    // The first attempt makes a checkpoint and is killed: the second one reads it.
    try WorkerScript().later(WorkerScript().started(resumedStep: 2).step(3).finished())
      .started().step(1).step(2).checkpoint(2).appending("kill -9 $$").write(for: fixture)
    let hits = Counter()
    func arm() {
      let seen = Counter()
      FaultPoint.arm(under: root) { call, path in
        guard call == fault.call, path.contains(fault.place) else { return nil }
        seen.add()
        guard seen.value > fault.after, hits.value < fault.times else { return nil }
        hits.add()
        return fault.code
      }
    }
    defer { FaultPoint.arm(under: root, nil) }
    var dataset: String?
    if !isIntake {
      // Photos that are examined already: what is hit is the attempt.
      try WorkerScript().finished().write(for: fixture)
      try await fixture.running {
        dataset = try await fixture.finished(try await fixture.submit().id).datasetId
      }
      try fixture.close(keeping: true)
      fixture = try await JobsFixture(reopening: root, expectsFatal: true)
      try WorkerScript().later(WorkerScript().started(resumedStep: 2).step(3).finished())
        .started().step(1).step(2).checkpoint(2).appending("kill -9 $$").write(for: fixture)
    }
    let photos = isIntake ? ["fine 1", "fine 2"] : []
    let id = try await fixture.submit(photos) { $0.sharedDataset = dataset }.id
    arm()
    var job: Job?
    for _ in 0..<4 where job == nil {
      do {
        try await fixture.running { job = try await fixture.ended(id) }
      } catch let error as StorageError where error.isFatal {}
      guard job == nil else { break }
      // The process would have ended; this is the next one.
      #expect(fixture.fatal.value > 0)
      try fixture.close(keeping: true)
      fixture = try await JobsFixture(reopening: root, expectsFatal: true)
    }
    #expect(hits.value == fault.times, "the fault was not met")
    let ended = try #require(job)
    #expect(ended.status == .succeeded, "\(String(describing: ended.error))")
    #expect(ended.attempt == 1)
    #expect(ended.waiting == nil)
    // What failed before its first worker ran begins with the second script.
    let steps = try fixture.stores.metrics.read(ofJob: id).items.map(\.step)
    #expect(steps == [1, 2, 3] || (steps == [3] && ended.epoch > 1))
    FaultPoint.arm(under: root, nil)
    try fixture.close()
  }
}

extension JobsFixture {
  /// The ended job; `nil` once a fatal error would have ended the process.
  fileprivate func ended(_ id: String) async throws -> Job? {
    let limit = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < limit {
      if fatal.value > 0 { return nil }
      // A database that is failing now is asked again.
      if let job = try? await stores.jobs.find(id), job.status.isFinal { return job }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw TimedOut(description: "\(id) has not ended")
  }
}
