import Contract
import Foundation
import Jobs
import Storage
import Synchronization
import Testing

@Suite(.serialized) struct WaitingTests {
  @Test(arguments: [EngineError.Code.diskFull, .storageUnavailable])
  func `a worker that says try again is tried again, at no cost`(code: EngineError.Code)
    async throws
  {
    let fixture = try await JobsFixture()
    try WorkerScript().later(WorkerScript().started().finished())
      .saying(.failure(EngineError(code, "why", hint: "what to do"))).appending("exit 75")
      .write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit { $0.maxAttempts = 1 }.id
      let job = try await fixture.finished(id)
      #expect((job.status, job.attempt, job.epoch) == (.succeeded, 1, 2))
      #expect(try await fixture.eventTypes(id).contains(.jobRecovered))
    }
    try fixture.close()
  }

  @Test func `a job that met a full disk waits for room, and says so`()
    async throws
  {
    let fixture = try await JobsFixture { $0.diskWatermark = 1000 }
    try WorkerScript().later(WorkerScript().started().finished())
      .saying(.failure(EngineError(.diskFull, "the disk is full", hint: "free space")))
      .appending("exit 75").write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      fixture.disk.free.withLock { $0 = 0 }
      _ = try await fixture.waiting(id)
      try await Task.sleep(for: .milliseconds(300))
      let waiting = try #require(try await fixture.stores.jobs.find(id))
      #expect(waiting.status == .queued)
      #expect(waiting.waiting?.message == "the disk is full")
      #expect(waiting.waiting?.hint == "free space")
      fixture.disk.free.withLock { $0 = .max }
      #expect(try await fixture.finished(id).status == .succeeded)
    }
    try fixture.close()
  }

  @Test func `a waiting job is cancelled like any other`() async throws {
    let fixture = try await JobsFixture { $0.shortestWait = .seconds(60) }
    try WorkerScript().saying(.failure(EngineError(.diskFull, "full"))).appending("exit 75")
      .write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      _ = try await fixture.waiting(id)
      #expect(try await fixture.queue.cancel(id, .graceful).job.status == .cancelled)
      #expect(try await fixture.stores.jobs.find(id)?.waiting == nil)
    }
    try fixture.close()
  }

  @Test func `a job larger than the machine does not wait for ever`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().appending("exit 71").write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit { $0.maxAttempts = 2 }.id)
      #expect((job.status, job.error?.code, job.epoch) == (.failed, .outOfMemory, 2))
    }
    try fixture.close()
  }

  @Test func `a stopped worker is noted, then ended and tried again`() async throws {
    let fixture = try await JobsFixture {
      $0.silenceNoted = .milliseconds(240)
      $0.silenceLimit = .milliseconds(1200)
    }
    try WorkerScript().later(WorkerScript().started(resumedStep: 1).finished())
      .started().step(1).checkpoint(1).appending("kill -STOP $$").write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      var noted: Job?
      for _ in 0..<2000 where noted == nil {
        let job = try await fixture.stores.jobs.find(id)
        if job?.warnings.map(\.code) == ["worker_silent"] { noted = job }
        try await Task.sleep(for: .milliseconds(2))
      }
      #expect(noted?.status == .running)
      #expect(noted?.progress?.step == 1)
      #expect(noted?.progress?.eta == nil)
      let job = try await fixture.finished(id)
      #expect((job.status, job.attempt, job.epoch) == (.succeeded, 1, 2))
      let events = try await fixture.stores.events.list(ofJob: id, limit: 100).items
      #expect(
        events.contains { $0.message.contains("no sign of life") && $0.type == .jobRecovered })
    }
    try fixture.close()
  }

  @Test func `a worker that is heard of may take as long as it likes`() async throws {
    let fixture = try await JobsFixture {
      $0.silenceNoted = .milliseconds(600)
      $0.silenceLimit = .milliseconds(900)
    }
    let heartbeat = String(decoding: try EventLine.encode(WorkerMessage.heartbeat), as: UTF8.self)
      .trimmingCharacters(in: .newlines)
    try WorkerScript().started()
      .appending("for i in 1 2 3 4 5 6 7 8 9 10; do echo '\(heartbeat)' >&3; sleep 0.2; done")
      .finished().write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect((job.status, job.epoch) == (.succeeded, 1))
      #expect(job.warnings.isEmpty)
    }
    try fixture.close()
  }
}

@Suite struct UploadSpaceTests {
  @Test func `two uploads are not promised the same space`() async throws {
    let fixture = try await JobsFixture { $0.diskWatermark = 1000 }
    let ballast = Int64(Ballast.size)
    fixture.disk.free.withLock { $0 = ballast + 1000 + 1000 }
    var first: SpaceReservation? = try await fixture.queue.admit(bytes: 600)
    await #expect(
      throws: JobError.diskLow(free: ballast + 2000, needed: ballast + 1000 + 600 + 401)
    ) {
      _ = try await fixture.queue.admit(bytes: 401)
    }
    do { _ = try await fixture.queue.admit(bytes: 400) }
    // What is written already is no longer free, and no longer outstanding.
    let folder = fixture.root.appending(path: "upload")
    try FileIO.createFolder(folder)
    first?.use(folder)
    try Data(count: 500).write(to: folder.appending(path: "part-0"))
    fixture.disk.free.withLock { $0 = ballast + 1500 }
    do { _ = try await fixture.queue.admit(bytes: 400) }
    await #expect(throws: JobError.self) { _ = try await fixture.queue.admit(bytes: 401) }
    first = nil
    do { _ = try await fixture.queue.admit(bytes: 500) }
    try fixture.close()
  }

  @Test func `a body of unknown length asks part by part`() async throws {
    let fixture = try await JobsFixture { $0.diskWatermark = 1000 }
    fixture.disk.free.withLock { $0 = Int64(Ballast.size) + 1100 }
    let space = try await fixture.queue.admit(bytes: nil)
    try await space.require(100)
    await #expect(throws: JobError.self) { try await space.require(101) }
    await #expect(throws: JobError.self) { _ = try await fixture.queue.admit(bytes: 1) }
    withExtendedLifetime(space) {}
    try fixture.close()
  }

  @Test func `a folder that cannot be written is said to be so`() async throws {
    let fixture = try await JobsFixture()
    try FileIO.remove(fixture.stores.folder.uploads)
    await #expect {
      try await fixture.queue.requireStorage()
    } throws: {
      if case .notWritable = $0 as? JobError { "\($0)".contains("uploads") } else { false }
    }
    try fixture.close()
  }
}
