import Logging
import Storage

/// What is done now and then beside the queue's work, until the task is cancelled. Nothing here ends the
/// service: what fails is logged and done the next time.
struct Housekeeping: Sendable {
  let stores: Stores
  let disk: any DiskSpace
  let watermark: Int64
  let log: Logger

  private static let ballastInterval = Duration.seconds(30)
  private static let keysInterval = Duration.seconds(3600)
  /// From the end of one scrub to the next.
  private static let scrubInterval = Duration.seconds(7 * 86_400)

  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await every(Self.ballastInterval) { try await rebuildBallast() } }
      group.addTask {
        await every(Self.keysInterval) { try await stores.idempotency.expire(now: stores.time.now) }
      }
      group.addTask { await every(Self.scrubInterval) { try await scrub() } }
    }
  }

  func rebuildBallast() async throws {
    let (ballast, watermark, disk) = (stores.database.ballast, watermark, disk)
    guard ballast.missing > 0 else { return }
    try await BlockingIO.run { try ballast.rebuild(leaving: watermark, disk) }
  }

  private func scrub() async throws {
    let outcome = try await withStop { try await Scrub(stores).run(isStopping: $0) }
    for damage in outcome.damaged { log.error("\(damage)") }
    log.info(
      "stored files were read again",
      metadata: [
        "files": "\(outcome.files)", "damaged": "\(outcome.damaged.count)",
        "unread": "\(outcome.unread)",
      ])
  }

  /// Work on other threads hears of a cancelled task only if somebody tells.
  private func withStop<Value: Sendable>(
    _ work: (@escaping @Sendable () -> Bool) async throws -> Value
  ) async throws -> Value {
    let stop = StopFlag()
    return try await withTaskCancellationHandler {
      try await work { stop.isSet }
    } onCancel: {
      stop.set()
    }
  }

  private func every(_ interval: Duration, _ work: () async throws -> Void) async {
    while !Task.isCancelled {
      do { try await work() } catch {
        log.error("housekeeping had to wait", metadata: ["error": "\(error)"])
      }
      try? await stores.time.sleep(for: interval)
    }
  }
}
