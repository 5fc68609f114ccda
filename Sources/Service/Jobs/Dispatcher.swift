import Contract
package import Logging
package import Storage
import Synchronization

/// The loop that looks at new photos and the loops that claim and run jobs, one per worker.
package final class Dispatcher: Sendable {
  private let queue: JobQueue
  private let driver: AttemptDriver
  private let log: Logger
  private let stopping = Mutex(false)
  /// Jobs whose photos are being looked at, and how to stop that.
  private let examined = Mutex<[String: Task<Void, any Error>]>([:])
  /// Jobs that are looked at side by side, so that one with many large photos does not keep the others waiting; how many
  /// pictures are decoded at a time is bounded elsewhere.
  private static let intakes = 8

  package init(_ queue: JobQueue, models: ModelShelf, runner: any JobRunner, log: Logger) {
    self.queue = queue
    self.log = log
    driver = AttemptDriver(
      stores: queue.stores, configuration: queue.configuration, models: models, runner: runner,
      registry: queue.attempts, parking: queue.parking, log: log)
  }

  /// Brings rows and files of a former process in order. Call it once, before `run` and before the
  /// first request.
  package func recover() async throws {
    try await Recovery(queue.stores, log: log).run()
    do { try await housekeeping.rebuildBallast() } catch {
      log.error("no space could be reserved", metadata: ["error": "\(error)"])
    }
  }

  private var housekeeping: Housekeeping {
    Housekeeping(
      stores: queue.stores, disk: queue.disk, watermark: queue.configuration.diskWatermark,
      log: log)
  }

  /// Works until `stop`; then returns when every child is gone and its job has its next state.
  package func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { beside in
      beside.addTask(priority: .background) { await self.housekeeping.run() }
      defer { beside.cancelAll() }
      try await work()
    }
  }

  private func work() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<Self.intakes {
        group.addTask { try await self.loop { try await self.examineNext() } }
      }
      for _ in 0..<queue.configuration.workers {
        group.addTask { try await self.loop { try await self.runNext() } }
      }
      group.addTask(priority: .background) {
        try await Recovery(self.queue.stores, log: self.log)
          .sweepFinished { self.stopping.withLock { $0 } }
      }
      try await group.waitForAll()
    }
  }

  /// Takes no new work and asks running children for a checkpoint; jobs go back to the queue.
  package func stop() {
    queue.drain()
    stopping.withLock { $0 = true }
    queue.attempts.suspendAll()
    // The photos are kept, and the next start looks at them again.
    examined.withLock { for task in $0.values { task.cancel() } }
    queue.signal.ring()
  }

  /// Repeats `work` while it finds something to do, and waits for the signal when it does not.
  private func loop(_ work: () async throws -> Bool) async throws {
    while !stopping.withLock({ $0 }), !Task.isCancelled {
      let seen = queue.signal.count
      do {
        if try await work() { continue }
        await queue.signal.wait(past: seen, atMost: queue.parking.nextLook())
      } catch let error as StorageError where !error.isFatal {
        // A full disk passes; a row that cannot be read must not spin.
        log.error("the queue had to wait", metadata: ["error": "\(error)"])
        try? await queue.stores.time.sleep(for: .seconds(1))
      }
    }
  }

  private func runNext() async throws -> Bool {
    guard let job = try await queue.stores.jobs.claim(except: try await held()) else {
      return false
    }
    log.info("attempt starts", metadata: ["job": "\(job.id)", "epoch": "\(job.epoch)"])
    try await driver.run(job)
    if try await queue.stores.jobs.find(job.id)?.waiting == nil {
      queue.parking.forget(job.id, parkedBefore: .now)
    }
    // The job may wait again, and another worker may be free.
    queue.signal.ring()
    return true
  }

  private func examineNext() async throws -> Bool {
    let held = try await held()
    let waiting = try await queue.stores.jobs.all(in: [.validating])
    guard let (job, task) = begin(waiting.filter { !held.contains($0.id) }) else { return false }
    defer { _ = examined.withLock { $0.removeValue(forKey: job.id) } }
    let start = ContinuousClock.now
    do {
      // Once it is queued, a worker may take it, fail and park it before we go on here.
      try await task.value
      queue.parking.forget(job.id, parkedBefore: start)
    } catch is CancellationError {
      return false
    } catch let error as JobError where error.isTooManyPixels {
      let failure = JobFailure(EngineError(.imagesRejected, error.description, parameter: "images"))
      try await fail(job, failure)
    } catch let error as StorageError where error.isFatal {
      queue.stores.database.report(error)
      throw error
    } catch let error where PassingTrouble.reason(of: error) != nil {
      try await park(job, error)
      return true
    } catch {
      log.error("photos failed", metadata: ["job": "\(job.id)", "error": "\(error)"])
      let failure = JobFailure(
        EngineError(
          .internalError, "the photos could not be examined: \(PlainReason.of(error))"),
        retryable: true)
      try await fail(job, failure)
    }
    queue.signal.ring()
    return true
  }

  private func fail(_ job: Job, _ failure: JobFailure) async throws {
    let move = JobMove(to: .failed, from: [.validating], error: failure)
    _ = try await queue.stores.jobs.move(job.id, move)
    try await queue.intake.dropUploads(ofJob: job.id)
  }

  /// Begins to look at the first of these jobs that nobody looks at yet.
  private func begin(_ jobs: [Job]) -> (Job, Task<Void, any Error>)? {
    examined.withLock { examined in
      guard !stopping.withLock({ $0 }), let job = jobs.first(where: { examined[$0.id] == nil })
      else { return nil }
      let task = Task {
        // The list may be older than the end of somebody else's look.
        let status = try await queue.stores.jobs.find(job.id)?.status
        guard status == .validating else { return }
        try await queue.intake.run(job, targetSide: try await targetSide(of: job))
      }
      examined[job.id] = task
      return (job, task)
    }
  }

  /// Side of the job's training pictures; `nil` if neither recipe nor base model says.
  private func targetSide(of job: Job) async throws -> Int? {
    let wanted = job.recipe.training.resolution
    return try await wanted > 0 ? wanted : driver.models.find(job.baseModel.id)?.resolution
  }

  /// Jobs for which something outside them has to pass.
  private func held() async throws -> Set<String> {
    var hasRoom = true
    if queue.parking.needsDisk {
      do { try await queue.requireDisk() } catch is JobError { hasRoom = false }
    }
    return queue.parking.held(hasRoom: hasRoom)
  }

  /// The photos stay where they are, and are looked at later.
  private func park(_ job: Job, _ error: any Error) async throws {
    guard let reason = PassingTrouble.reason(of: error) else { return }
    let delay = queue.parking.park(job.id, needsDisk: reason.code == .diskFull)
    let nextTry = queue.stores.time.now.advanced(bySeconds: Double(delay.components.seconds))
    try await queue.stores.jobs.recordWaiting(job.id, JobWaiting(reason, nextTry: nextTry))
  }
}
