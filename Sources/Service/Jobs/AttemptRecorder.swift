import Contract
import Foundation
import Storage

/// Writes down what a child says, fenced by its epoch: events and files at once, step metrics and
/// progress at most twice a second.
struct AttemptRecorder {
  private(set) var failure: EngineError?
  private(set) var finished: WorkEvent.Finished?
  /// Whether this attempt made a checkpoint.
  private(set) var progressed = false

  private let stores: Stores
  private let fence: Fence
  private let folder: URL
  private let keepCheckpoints: Int
  private var tracker: ProgressTracker
  private var metrics: [StepMetrics] = []
  private var unwritten = false
  private var writtenAt: Timestamp
  private static let interval: Int64 = 500

  init(_ stores: Stores, _ job: Job) {
    self.stores = stores
    // The child keeps as many: what leaves the list here is gone there.
    keepCheckpoints = job.recipe.training.keepCheckpoints
    fence = Fence(jobId: job.id, epoch: job.epoch)
    folder = stores.folder.attempt(ofJob: job.id, epoch: job.epoch)
    tracker = ProgressTracker(
      job.progress ?? JobProgress(step: 0, totalSteps: job.recipe.training.steps))
    writtenAt = Timestamp(milliseconds: 0)
  }

  /// - Returns: `false` if the epoch has passed, and nothing was written.
  mutating func take(_ message: WorkerMessage) async throws -> Bool {
    switch message {
    case .failure(let error):
      failure = error
      return true
    case .event(let event): return try await take(event)
    case .heartbeat: return true
    }
  }

  private mutating func take(_ event: WorkEvent) async throws -> Bool {
    switch event {
    case .started(let started): return try await start(started)
    case .phase(let phase):
      tracker.enter(phase)
      guard try await flush() else { return false }
      return try await stores.jobs.recordPhase(fence, phase)
    case .progress(let phase, let done, let total):
      tracker.advance(phase, done: done, of: total)
      return try await flushIfDue()
    case .step(let step):
      metrics.append(step)
      tracker.add(step, now: stores.time.now)
      return try await flushIfDue()
    case .checkpoint(let checkpoint): return try await keep(checkpoint)
    case .sample(let sample):
      let file = try await stored(sample.file)
      return try await stores.samples.record(fence, sample, file: file) != nil
    case .report(let report):
      var files: [StoredFile] = []
      for name in report.files { files.append(try await stored(name)) }
      return try await stores.reports.record(fence, files: files) != nil
    case .warning(let code, let parameter, let message):
      let warning = JobWarning(code: code, param: parameter, message: message)
      return try await stores.jobs.recordWarning(fence, warning)
    case .finished(let finished):
      self.finished = finished
      return try await flush()
    }
  }

  /// Writes what waits to be written.
  @discardableResult
  mutating func flush() async throws -> Bool {
    let (log, lines, id) = (stores.metrics, metrics, fence.jobId)
    try await BlockingIO.run { try log.append(lines, ofJob: id) }
    metrics = []
    guard unwritten || !lines.isEmpty else { return true }
    unwritten = false
    writtenAt = stores.time.now
    return try await stores.jobs.recordProgress(
      fence, phase: tracker.phase, progress: tracker.progress)
  }

  private mutating func flushIfDue() async throws -> Bool {
    unwritten = true
    let now = stores.time.now.milliseconds
    // A clock that was set back must not silence progress.
    let due = abs(now - writtenAt.milliseconds) >= Self.interval
    guard due else { return true }
    do { return try await flush() } catch let error as StorageError where error.isPassing {
      // What is not written stays here until the next time; the run need not end for it.
      (unwritten, writtenAt) = (true, stores.time.now)
      return true
    }
  }

  private mutating func start(_ started: WorkEvent.Started) async throws -> Bool {
    let (log, id) = (stores.metrics, fence.jobId)
    try await BlockingIO.run { try log.rewind(toStep: started.resumedStep, ofJob: id) }
    tracker.start(step: started.resumedStep, of: started.totalSteps)
    unwritten = true
    guard try await flush() else { return false }
    return try await stores.jobs.recordIdentifier(
      fence,
      JobIdentifier(
        text: started.identifier, tokenIds: started.identifierTokens,
        source: started.identifierSource))
  }

  private mutating func keep(_ checkpoint: WorkEvent.Checkpoint) async throws -> Bool {
    guard try await flush() else { return false }
    let name = try relative(checkpoint.folder)
    guard try await stores.checkpoints.record(fence, checkpoint, folder: name) != nil else {
      return false
    }
    progressed = true
    try await CheckpointShelf(stores).prune(fence.jobId, keeping: keepCheckpoints)
    return true
  }

  private func relative(_ name: String) throws -> String {
    try DataFolder.checkRelative(name)
    return "\(DataFolder.attemptName(epoch: fence.epoch))/\(name)"
  }

  /// A file that the child has finished, below the job's folder.
  private func stored(_ name: String) async throws -> StoredFile {
    let relative = try relative(name)
    let file = folder.appending(path: name)
    return try await BlockingIO.run {
      guard let status = try FileIO.status(file), status.isRegular else {
        throw JobError.artifactMismatch(file: name, detail: "it is not there, or no file")
      }
      return StoredFile(
        name: relative, bytes: status.bytes, sha256: try FileHash.sha256(ofFile: file))
    }
  }
}
