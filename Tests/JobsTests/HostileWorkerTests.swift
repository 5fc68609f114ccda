import Contract
import Foundation
import Jobs
import Storage
import Testing

/// A worker that misbehaves ends its job and nothing else: a fatal storage error would be recorded by
/// the fixture as an issue.
@Suite(.serialized) struct HostileWorkerTests {
  private static func sample(_ file: String) -> WorkEvent {
    .sample(
      .init(
        step: 1, promptIndex: 0, prompt: "p", seed: 1, file: file, width: 1, height: 1))
  }

  @Test(arguments: ["folder", "absent", "../../../dreambooth.db"])
  func `P20 a sample that is no file in its folder fails the job`(name: String) async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().appending("mkdir folder").saying(Self.sample(name)).appending("sleep 60")
      .write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.status == .failed)
      #expect(try await fixture.stores.samples.list(ofJob: job.id).isEmpty)
    }
    try fixture.close()
  }

  @Test func `two artifacts of one format fail the job`() async throws {
    let fixture = try await JobsFixture()
    let file = WorkEvent.Artifact.File(
      name: "w", bytes: 1, sha256: FileHash.sha256(Data("w".utf8)))
    let artifact = WorkEvent.Artifact(format: "diffusers", folder: "export", files: [file])
    try WorkerScript().appending("mkdir export; printf w > export/w")
      .saying(.finished(.init(artifacts: [artifact, artifact]))).write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.status == .failed)
      #expect(try await fixture.stores.artifacts.list(ofJob: job.id).isEmpty)
    }
    try fixture.close()
  }

  @Test func `a line without end is cut off`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().appending("head -c 3000000 /dev/zero | tr '\\0' x >&3; sleep 60")
      .write(for: fixture)
    try await fixture.running {
      let job = try await fixture.finished(try await fixture.submit().id)
      #expect(job.error?.code == .workerCrashed)
      #expect(job.error?.message.contains("longer than") == true)
    }
    try fixture.close()
  }

  @Test func `a child that leaves a helper behind takes it along`() async throws {
    let fixture = try await JobsFixture()
    try WorkerScript().appending("sleep 300 & echo $! > helper").finished().write(for: fixture)
    try await fixture.running {
      let id = try await fixture.submit().id
      #expect(try await fixture.finished(id).status == .succeeded)
      let file = fixture.stores.folder.attempt(ofJob: id, epoch: 1).appending(path: "helper")
      let text = try String(contentsOf: file, encoding: .utf8)
      let pid = try #require(pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)))
      // Killed at once, dead a moment later; who adopts orphans here may leave a zombie, which runs
      // nothing any more.
      let limit = ContinuousClock.now + .seconds(30)
      while Self.runs(pid), ContinuousClock.now < limit {
        try await Task.sleep(for: .milliseconds(5))
      }
      #expect(!Self.runs(pid))
    }
    try fixture.close()
  }
  private static func runs(_ pid: pid_t) -> Bool {
    let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return state.map { !$0.contains(" Z ") && !$0.contains(" X ") } ?? false
  }
}
