import Contract
import Foundation
import Jobs
import Storage
import Testing

@Suite(.serialized) struct DispatcherTests {
  @Test func `a job goes from photos to published artifacts`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().keepingOrder().appending("echo words >&2")
      .started().saying(.phase(.training)).step(1).step(2).checkpoint(2).sample(2)
      .appending("printf '{}' > report.json").saying(.report(.init(files: ["report.json"])))
      .saying(.warning(code: "c", parameter: "p", message: "m"))
      .finished().write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      let job = try await fixture.finished(id)
      #expect(job.status == .succeeded)
      #expect(job.error == nil)
      #expect(job.identifier == JobIdentifier(text: "xjy", tokenIds: [48136], source: "auto"))
      #expect(job.progress?.step == 2)
      #expect(job.progress?.loss?.prior == 0.1)
      #expect(job.warnings.map(\.code) == ["c"])
      let stores = fixture.stores
      #expect(try stores.metrics.read(ofJob: id).items.map(\.step) == [1, 2])
      let sample = try #require(try await stores.samples.list(ofJob: id).first)
      #expect(sample.file == "e1/sample-2.png")
      #expect(sample.sha256 == FileHash.sha256(Data("png".utf8)))
      let report = try #require(try await stores.reports.list(ofJob: id).first)
      #expect(report.files.map(\.name) == ["e1/report.json"])
      let artifact = try #require(try await stores.artifacts.list(ofJob: id).first)
      #expect(artifact.files.map(\.name) == ["unet/weights"])
      #expect(
        try await fixture.eventTypes(id) == [
          .jobCreated, .jobQueued, .jobStarted, .jobPhaseChanged, .checkpointCreated,
          .sampleCreated, .reportCreated, .jobWarning, .jobSucceeded, .artifactReady,
        ])
      let log = try String(contentsOf: stores.folder.log(ofJob: id), encoding: .utf8)
      #expect(log == "words\n")
      let order = try fixture.order(ofJob: id, epoch: 1)
      let pictures = order.images.map(\.file.lastPathComponent)
      #expect(pictures.count == 2)
      #expect(pictures == pictures.sorted())
      #expect((order.epoch, order.resumeFrom) == (1, nil))
    }
    try fixture.close()
  }

  @Test func `P2 exit 0 without a result uses an attempt, then the next job runs`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().started().write(for: fixture)
    try await fixture.running {
      let stuck = try await fixture.submit { $0.maxAttempts = 2 }
      let failed = try await fixture.finished(stuck.id)
      #expect(failed.status == .failed)
      #expect(failed.error?.code == .workerCrashed)
      #expect((failed.attempt, failed.epoch) == (2, 2))
      try WorkerScript().finished().write(for: fixture)
      #expect(try await fixture.finished(try await fixture.submit().id).status == .succeeded)
    }
    try fixture.close()
  }

  @Test func `P2 a child killed from outside is tried again from its checkpoint`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript()
      .later(WorkerScript().keepingOrder().started(resumedStep: 2).step(3).finished())
      .started().step(1).step(2).checkpoint(2).step(3).step(4)
      .appending("kill -9 $$").write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      let job = try await fixture.finished(id)
      #expect(job.status == .succeeded)
      // It had made a checkpoint: being killed cost nothing.
      #expect((job.attempt, job.epoch) == (1, 2))
      #expect(try fixture.stores.metrics.read(ofJob: id).items.map(\.step) == [1, 2, 3])
      let order = try fixture.order(ofJob: id, epoch: 2)
      #expect(order.resumeFrom?.path.hasSuffix("e1/step-000002") == true)
      #expect(try await fixture.eventTypes(id).contains(.jobRecovered))
    }
    try fixture.close()
  }

  @Test(arguments: [
    (65, EngineError.Code.nonfinite, 1), (75, .outOfMemory, 3),
    (70, .internalError, 3), (75, .internalError, 3),
  ])
  func `P13 an exit with a reason gives its code after so many attempts`(
    exit: Int, code: EngineError.Code, attempts: Int
  ) async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().saying(.failure(EngineError(code, "why", hint: "what to do", step: 3)))
      .appending("exit \(exit)").write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.status == .failed)
      #expect(job.error?.code == code)
      #expect((job.error?.step, job.error?.hint) == (3, "what to do"))
      #expect(job.epoch == attempts)
    }
    try fixture.close()
  }

  @Test func `a crash loop ends, and the log is bounded`() async throws {
    let fixture = try await JobsFixture { $0.logLimit = 1000 }
    try WorkerScript().appending("head -c 3000 /dev/zero | tr '\\0' x; kill -SEGV $$")
      .write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      let job = try await fixture.finished(id)
      #expect(job.error?.code == .workerCrashed)
      #expect(job.epoch == 3)
      let log = try Data(contentsOf: fixture.stores.folder.log(ofJob: id))
      #expect(log.count < 1100)
    }
    try fixture.close()
  }

  @Test func `artifacts that differ from their digests are not published`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().finished("tuned", announcing: "other").write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      let job = try await fixture.finished(id)
      #expect(job.status == .failed)
      #expect(job.error?.message.contains("unet/weights") == true)
      #expect(try await fixture.stores.artifacts.list(ofJob: id).isEmpty)
    }
    try fixture.close()
  }

  @Test func `a child that writes nonsense is ended`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().appending("echo nonsense >&3; sleep 60").write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.status == .failed)
      #expect(job.error?.code == .workerCrashed)
    }
    try fixture.close()
  }

  @Test func `only the newest two checkpoints stay`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().started().checkpoint(1).checkpoint(2).checkpoint(2).checkpoint(3).finished()
      .write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      _ = try await fixture.finished(id)
      let checkpoints = try await fixture.stores.checkpoints.list(ofJob: id)
      #expect(checkpoints.map(\.step) == [3, 2])
      let names = try fixture.names(in: fixture.stores.folder.attempt(ofJob: id, epoch: 1))
      #expect(names.filter { $0.hasPrefix("step-") } == ["step-000002", "step-000003"])
    }
    try fixture.close()
  }

  @Test func `a missing or changed base model fails the job and names it`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().finished().write(for: fixture)
    try await fixture.running {
      let absent = try await fixture.submit { $0.baseModel.id = "absent" }
      #expect(try await fixture.finished(absent.id).error?.code == .baseModelMissing)
      let changed = try await fixture.submit { $0.baseModel.sha256 = "other" }
      #expect(try await fixture.finished(changed.id).error?.code == .baseModelInvalid)
    }
    try fixture.close()
  }

  @Test func `an executable that cannot start fails the job with a reason`() async throws {
    let fixture = try await JobsFixture { $0.executable = URL(filePath: "/nowhere/dreambooth") }
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.status == .failed)
      #expect(job.error?.message.hasPrefix("a child process cannot be started: ") == true)
    }
    try fixture.close()
  }
}
