import Foundation
import Jobs
import Synchronization
import Testing

@Suite struct DecoderGateTests {
  private final class Turns: Sendable { let owners = Mutex<[String]>([]) }

  @Test func `owners take turns, however many one of them asks for`() async throws {
    let gate = DecoderGate(1)
    let turns = Turns()
    let (held, release) = AsyncStream<Void>.makeStream()
    let first = Task { try await gate.run(for: "a") { for await _ in held {} } }
    var tasks: [Task<Void, any Error>] = []
    for (index, owner) in ["a", "a", "a", "b", "b", "c"].enumerated() {
      // The first turn must be taken, and then each must wait before the next asks.
      while await gate.waitingCount < index { await Task.yield() }
      if index == 0 { try await Task.sleep(for: .milliseconds(50)) }
      tasks.append(
        Task { try await gate.run(for: owner) { turns.owners.withLock { $0.append(owner) } } })
    }
    while await gate.waitingCount < 6 { await Task.yield() }
    release.finish()
    for task in tasks + [first] { try await task.value }
    #expect(turns.owners.withLock { $0 } == ["b", "c", "a", "b", "a", "a"])
  }

  @Test func `who is cancelled while waiting takes no turn`() async throws {
    let gate = DecoderGate(1)
    let (held, release) = AsyncStream<Void>.makeStream()
    let first = Task { try await gate.run(for: "a") { for await _ in held {} } }
    try await Task.sleep(for: .milliseconds(50))
    let second = Task { try await gate.run(for: "b") {} }
    while await gate.waitingCount < 1 { await Task.yield() }
    second.cancel()
    await #expect(throws: CancellationError.self) { try await second.value }
    release.finish()
    try await first.value
    try await gate.run(for: "c") {}
  }

  @Test func `one dry run too many is refused, and a stop cancels the others`() async throws {
    let dryRuns = DryRuns(limit: 1)
    let first = Task { try await dryRuns.run { try await Task.sleep(for: .seconds(60)) } }
    try await Task.sleep(for: .milliseconds(50))
    await #expect(throws: JobError.tooManyDryRuns(limit: 1)) { try await dryRuns.run {} }
    dryRuns.stop()
    await #expect(throws: JobError.draining) { try await first.value }
    await #expect(throws: JobError.draining) { try await dryRuns.run {} }
  }
}
