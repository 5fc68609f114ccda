import Contract
import Foundation
import Jobs
import Storage
import Testing

@Suite(.serialized) struct RecoveryTests {
  @Test func `a stop of the service suspends the child and costs no attempt`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().started()
      .appending("read -r directive; printf '%s' \"$directive\" > directive")
      .checkpoint(4).appending("exit 130").write(for: fixture)
    var id = ""
    try await fixture.running {
      id = try await fixture.submit().id
      _ = try await fixture.wait(for: id, [.running])
    }
    let job = try #require(try await fixture.stores.jobs.find(id))
    #expect((job.status, job.attempt, job.epoch) == (.queued, 1, 1))
    let file = fixture.stores.folder.attempt(ofJob: id, epoch: 1).appending(path: "directive")
    #expect(try EventLine.decode(WorkDirective.self, from: try Data(contentsOf: file)) == .suspend)
    #expect(try await fixture.stores.checkpoints.list(ofJob: id).map(\.step) == [4])
    await #expect(throws: JobError.draining) { try await fixture.submit() }
    try fixture.close()
  }

  @Test func `a stop of the service kills a child that does not hear`() async throws {
    let fixture = try await JobsFixture { $0.stopGrace = .milliseconds(200) }
    try WorkerScript().started().appending("while :; do sleep 1; done").write(for: fixture)
    var id = ""
    try await fixture.running {
      id = try await fixture.submit().id
      _ = try await fixture.wait(for: id, [.running])
    }
    let job = try #require(try await fixture.stores.jobs.find(id))
    #expect((job.status, job.attempt) == (.queued, 1))
    try fixture.close()
  }

  @Test func `P2 after a crash every row moves on and strays go into quarantine`() async throws {
    let first = try await JobsFixture()
    let stores = first.stores
    // As a killed service would leave them: one of each.
    var ids: [JobState: String] = [:]
    for state in [JobState.running, .pausing, .cancelling] {
      let id = try await first.submit().id
      _ = try await stores.jobs.move(id, JobMove(to: .queued, from: [.validating]))
      let job = try #require(try await stores.jobs.claim())
      #expect(job.id == id)
      if state != .running {
        _ = try await stores.jobs.move(id, JobMove(to: state, from: [.running]))
      }
      ids[state] = id
    }
    let validating = try await first.submit()
    let running = try #require(ids[.running])
    let attempt = stores.folder.attempt(ofJob: running, epoch: 1)
    for name in ["step-000001", "step-000002", ".partial-step-000003"] {
      try FileIO.createFolder(attempt.appending(path: name))
    }
    let fence = Fence(jobId: running, epoch: 1)
    _ = try await stores.checkpoints.record(
      fence, .init(step: 1, folder: "step-000001", manifestSha256: "x"), folder: "e1/step-000001")
    let stray = stores.folder.job("job_unknown")
    try FileIO.createFolder(stray)
    try Data("a result".utf8).write(to: stray.appending(path: "log.txt"))
    try Data("x".utf8).write(to: stores.folder.temporary.appending(path: "torn"))
    let orphan = try stores.blobs.store(Data("nobody's".utf8))
    try first.close(keeping: true)

    let second = try await JobsFixture(reopening: first.root)
    try await second.dispatcher().recover()
    let (jobs, folder) = (second.stores.jobs, second.stores.folder)
    #expect(try await jobs.find(running)?.status == .queued)
    #expect(try await jobs.find(running)?.attempt == 1)
    #expect(try await jobs.find(try #require(ids[.pausing]))?.status == .paused)
    #expect(try await jobs.find(try #require(ids[.cancelling]))?.status == .cancelled)
    #expect(try await jobs.find(validating.id)?.status == .validating)
    #expect(try second.names(in: attempt) == ["step-000001"])
    #expect(!FileManager.default.fileExists(atPath: stray.path))
    #expect(try second.names(in: folder.temporary).isEmpty)
    #expect(try second.names(in: folder.uploads) == [validating.id])
    #expect(!FileManager.default.fileExists(atPath: second.stores.blobs.url(orphan).path))
    let day = try #require(try second.names(in: folder.quarantine).first)
    let aside = folder.quarantine.appending(path: day)
    #expect(
      try Data(contentsOf: aside.appending(path: "blobs/\(orphan.prefix(2))/\(orphan)"))
        == Data("nobody's".utf8))
    #expect(
      try Data(contentsOf: aside.appending(path: "jobs/job_unknown/log.txt"))
        == Data("a result".utf8))

    // Intake starts again from the stored photos, and the damaged checkpoint is refused.
    try WorkerScript().finished().write(for: second)
    try await second.running {
      #expect(try await second.finished(validating.id).status == .succeeded)
      let refused = try await second.finished(running)
      #expect(refused.error?.code == .checkpointCorrupt)
    }
    try second.close()
  }

  @Test(arguments: [
    ": > step-000002/weights", "rm -r step-000002", "echo > step-000002/manifest.json",
  ])
  func `P7 a damaged checkpoint gives way to the one before`(damage: String) async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().later(WorkerScript().keepingOrder().finished())
      .started().checkpoint(1).checkpoint(2).appending(damage)
      .appending("kill -9 $$").write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      let job = try await fixture.finished(id)
      #expect((job.status, job.epoch) == (.succeeded, 2))
      let order = try fixture.order(ofJob: id, epoch: 2)
      #expect(order.resumeFrom?.path.hasSuffix("e1/step-000001") == true)
      #expect(try await fixture.eventTypes(id).contains(.jobWarning))
    }
    try fixture.close()
  }

  @Test(arguments: ["weights", "manifest.json"])
  func `a checkpoint that cannot be read keeps its row and folder`(name: String) async throws {
    let fixture = try await JobsFixture()
    // A link to itself cannot be opened (ELOOP), whoever asks; nothing says that the file is gone.
    try WorkerScript().later(WorkerScript().keepingOrder().finished()).started().checkpoint(1)
      .appending("mv step-000001/\(name) aside; ln -s \(name) step-000001/\(name); kill -9 $$")
      .write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      let waiting = try await fixture.waiting(id)
      #expect(waiting.code == .storageUnavailable)
      #expect(waiting.message.contains(name))
      #expect(try await fixture.stores.checkpoints.list(ofJob: id).map(\.step) == [1])
      let folder = fixture.stores.folder.attempt(ofJob: id, epoch: 1)
      let file = folder.appending(path: "step-000001/\(name)")
      #expect(FileIO.exists(file))
      // Once it can be read again, the job goes on from it.
      try FileIO.remove(file)
      try FileIO.renameDurably(folder.appending(path: "aside"), to: file)
      let job = try await fixture.finished(id)
      #expect((job.status, job.attempt) == (.succeeded, 1))
      #expect(job.waiting == nil)
      let order = try fixture.order(ofJob: id, epoch: job.epoch)
      #expect(order.resumeFrom?.path.hasSuffix("e1/step-000001") == true)
    }
    try fixture.close()
  }

  @Test func `P6 a job that lost all its checkpoints never starts over in silence`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().started().checkpoint(1).appending("rm -r step-*; kill -9 $$")
      .write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.error?.code == .checkpointCorrupt)
      #expect(job.error?.step == 1)
    }
    try fixture.close()
  }
}
