import Contract
import Logging
import Storage
import Synchronization

/// Watches that a worker is heard of. Silence is counted in ticks of this process, not by a clock: a machine that
/// slept, or a service that was stopped itself, takes nobody's silence for more than it was.
final class LifeSign: Sendable {
  private static let ticks = 12

  private let noted: Duration
  private let limit: Duration
  private let silent = Mutex(0)
  private let ended = Mutex<Int?>(nil)

  init(_ configuration: JobsConfiguration) {
    (noted, limit) = (configuration.silenceNoted, configuration.silenceLimit)
  }

  func heard() { silent.withLock { $0 = 0 } }

  /// Seconds of silence after which the worker was ended here.
  var endedAfter: Int? { ended.withLock { $0 } }

  /// Notes silence in the job's events, ends the worker when it lasts, and returns then or when the task is
  /// cancelled.
  func watch(_ attempt: any RunningAttempt, of job: Job, _ stores: Stores, _ log: Logger) async {
    let tick = noted / Self.ticks
    while (try? await stores.time.sleep(for: tick)) != nil {
      let count = silent.withLock { silent in
        silent += 1
        return silent
      }
      if count == Self.ticks { await note(job, stores, log) }
      if tick * count >= limit {
        ended.withLock { $0 = Int(limit.components.seconds) }
        return attempt.kill()
      }
    }
  }

  private func note(_ job: Job, _ stores: Stores, _ log: Logger) async {
    let warning = JobWarning(
      code: "worker_silent", param: nil,
      message:
        "the worker has given no sign of life for \(noted.components.seconds) seconds; after "
        + "\(limit.components.seconds) it is ended, and the job goes on from its last checkpoint")
    do {
      _ = try await stores.jobs.recordSilence(
        Fence(jobId: job.id, epoch: job.epoch), warning)
    } catch {
      log.error("silence was not noted", metadata: ["job": "\(job.id)", "error": "\(error)"])
    }
  }
}
