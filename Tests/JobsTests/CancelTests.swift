import Contract
import Foundation
import Jobs
import Storage
import Testing

@Suite(.serialized) struct CancelTests {
  private func pid(_ fixture: JobsFixture, _ id: String) async throws -> pid_t {
    let file = fixture.stores.folder.attempt(ofJob: id, epoch: 1).appending(path: "pid")
    for _ in 0..<30_000 {
      if let text = try? String(contentsOf: file, encoding: .utf8),
        let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines))
      {
        return pid
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw TimedOut(description: "the worker did not start")
  }

  @Test func `a waiting job is cancelled at once, and its photos go`() async throws {
    let fixture = try await JobsFixture()
    let job = try await fixture.submit()
    let cancelled = try await fixture.queue.cancel(job.id, .graceful)
    #expect(cancelled.changed)
    #expect(cancelled.job.status == .cancelled)
    #expect(try await !fixture.queue.cancel(job.id, .graceful).changed)
    #expect(try fixture.names(in: fixture.stores.folder.uploads).isEmpty)
    await #expect(throws: JobError.notFound("job_x")) {
      try await fixture.queue.cancel("job_x", .now)
    }
    try fixture.close()
  }

  @Test func `P9 a graceful cancel is heard and keeps the checkpoint`() async throws {
    let fixture = try await JobsFixture { $0.cancelGrace = .seconds(20) }
    try WorkerScript().started().checkpoint(1)
      .appending("read -r directive; printf '%s' \"$directive\" > directive; exit 130")
      .write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      _ = try await pid(fixture, id)
      while try await fixture.stores.checkpoints.list(ofJob: id).isEmpty {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(try await fixture.queue.cancel(id, .graceful).job.status == .cancelling)
      let job = try await fixture.finished(id)
      #expect(job.status == .cancelled)
      let file = fixture.stores.folder.attempt(ofJob: id, epoch: 1).appending(path: "directive")
      #expect(try EventLine.decode(WorkDirective.self, from: try Data(contentsOf: file)) == .stop)
      #expect(try await fixture.stores.checkpoints.list(ofJob: id).count == 1)
      #expect(try await fixture.eventTypes(id).suffix(2) == [.jobCancelling, .jobCancelled])
    }
    try fixture.close()
  }

  @Test func `P10 a deaf child is killed, and the next job starts only after it is gone`()
    async throws
  {
    let fixture = try await JobsFixture()
    try WorkerScript().appending("trap '' TERM INT HUP").started()
      .appending("while :; do sleep 1; done").write(for: fixture)
    try await fixture.running {
      let deaf = try await fixture.submit().id
      let pid = try await pid(fixture, deaf)
      let next = try await fixture.submit().id
      _ = try await fixture.wait(for: next, [.queued])
      _ = try await fixture.queue.cancel(deaf, .graceful)
      #expect(kill(pid, 0) == 0)
      #expect(try await fixture.stores.jobs.find(next)?.status == .queued)
      #expect(try await fixture.finished(deaf).status == .cancelled)
      #expect(kill(pid, 0) == -1)
      _ = try await fixture.wait(for: next, [.running])
      _ = try await fixture.queue.cancel(next, .now)
      #expect(try await fixture.finished(next).status == .cancelled)
    }
    try fixture.close()
  }

  @Test func `P9 cancel against finish has one winner`() async throws {
    let fixture = try await JobsFixture { $0.workers = 2 }
    try WorkerScript().started().finished().write(for: fixture)
    try await fixture.running {
      for round in 0..<40 {
        let id = try await fixture.submit().id
        _ = try await fixture.wait(for: id, [.running, .succeeded])
        try await Task.sleep(for: .milliseconds(round % 8 * 3))
        let cancelled = try? await fixture.queue.cancel(id, .now)
        let job = try await fixture.finished(id)
        #expect(job.status == (cancelled?.changed == true ? .cancelled : .succeeded))
        let artifacts = try await fixture.stores.artifacts.list(ofJob: id)
        #expect(artifacts.isEmpty == (job.status == .cancelled))
        let finals: Set<EventType> = [.jobSucceeded, .jobCancelled, .jobFailed]
        #expect(try await fixture.eventTypes(id).filter(finals.contains).count == 1)
      }
    }
    try fixture.close()
  }

  @Test func `a final job stays final`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().finished().write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      _ = try await fixture.finished(id)
      await #expect(throws: JobError.final(id: id, status: .succeeded)) {
        try await fixture.queue.cancel(id, .graceful)
      }
    }
    try fixture.close()
  }
}
