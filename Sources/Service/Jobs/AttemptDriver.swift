import Contract
import Foundation
import Logging
import Storage

/// One attempt of a job, from claim to its next state: order out, events in, exit code to outcome.
struct AttemptDriver: Sendable {
  let stores: Stores
  let configuration: JobsConfiguration
  let models: ModelShelf
  let runner: any JobRunner
  let registry: AttemptRegistry
  let parking: Parking
  let log: Logger

  func run(_ job: Job) async throws {
    let requests = registry.register(job.id)
    defer { registry.unregister(job.id) }
    var ending: AttemptEnding
    do {
      let order = try await order(for: job)
      let attempt = try await runner.start(order, log: stores.folder.log(ofJob: job.id))
      ending = try await follow(attempt, of: job, requests)
    } catch {
      ending = try judge(error)
    }
    if case .publish(let artifacts) = ending {
      do {
        if try await publish(artifacts, job) { return }
        ending = .again(
          JobFailure(EngineError(.workerLost, "another move came first")), counts: false)
      } catch {
        ending = try judge(error)
      }
    }
    try await settle(job, ending)
  }

  // MARK: Order

  private func order(for job: Job) async throws -> WorkOrder {
    guard let model = try await models.find(job.baseModel.id) else {
      throw EngineError(
        .baseModelMissing, "base model \(job.baseModel.id) is not on the shelf",
        parameter: "base_model", hint: "put its folder back, then submit the job again")
    }
    guard model.sha256 == job.baseModel.sha256 else {
      throw EngineError(
        .baseModelInvalid, "base model \(job.baseModel.id) has changed since the job was accepted",
        parameter: "base_model", hint: "restore its files, or submit the job again")
    }
    guard let dataset = try await stores.datasets.find(job.datasetId) else {
      throw StorageError.notFound("dataset \(job.datasetId)")
    }
    let shelf = CheckpointShelf(stores)
    var resumeFrom = try await shelf.newestVerified(ofJob: job.id).map {
      stores.folder.file(ofJob: job.id, $0.folder)
    }
    if resumeFrom == nil, let reference = job.resumeFrom {
      resumeFrom = try await shelf.require(
        reference, in: stores.folder.resumeFrom(ofJob: job.id))
    }
    var initFrom: URL?
    if let reference = job.initFrom {
      initFrom = try await shelf.require(reference, in: stores.folder.initFrom(ofJob: job.id))
    }
    try await requireWhole(dataset)
    let usesClassImages = job.recipe.prior.enabled && job.recipe.prior.source == .uploaded
    let folder = stores.folder.attempt(ofJob: job.id, epoch: job.epoch)
    try await BlockingIO.run { try FileIO.createFolder(folder) }
    var order = WorkOrder(
      jobId: job.id, epoch: job.epoch, recipe: job.recipe,
      images: pictures(dataset.photos, job.subjectImages.map { $0.map(\.images) }),
      baseModel: models.folder(job.baseModel.id), clipEncoder: configuration.clipEncoder,
      attemptFolder: folder, cacheFolder: stores.folder.cache,
      resumeFrom: resumeFrom, initFrom: initFrom,
      classImages: usesClassImages
        ? pictures(dataset.classImages, job.subjectImages.map { $0.map(\.classImages) }) : nil,
      threads: configuration.threads)
    order.memoryBytes = configuration.memoryBytes
    return order
  }

  /// Nothing is trained on but the pixels that were accepted.
  private func requireWhole(_ dataset: Dataset) async throws {
    for image in Dataset.kept(dataset.images) {
      let label = dataset.label(of: image)
      do {
        for (blob, name) in [(image.blob, label), (image.mask, "the mask of \(label)")] {
          guard let blob else { continue }
          try await stores.files.require(.blob(blob, name: name, in: stores.blobs))
        }
      } catch let error as StorageError {
        guard case .damaged = error else { throw error }
        throw EngineError(
          .photoDamaged, "\(error)", parameter: label,
          hint: "check the disk; then restore the file and retry the job, or send the photos again")
      }
    }
  }

  /// What was kept of these, with their subjects, captions and masks.
  private func pictures(
    _ images: [DatasetImage], _ entries: [[String]]?
  ) -> [WorkOrder.Picture] {
    let subjects = SubjectAssignment.subjects(of: images, entries)
    return Dataset.kept(images).map { image in
      .init(
        id: image.id, file: stores.blobs.url(image.blob ?? ""),
        verdict: image.verdict ?? .accepted, findings: image.findings,
        subject: subjects[image.id], caption: image.caption,
        mask: image.mask.map(stores.blobs.url))
    }
  }

  // MARK: Events

  private func follow(
    _ attempt: any RunningAttempt, of job: Job, _ requests: AsyncStream<AttemptRegistry.Request>
  ) async throws -> AttemptEnding {
    var recorder = AttemptRecorder(stores, job)
    let lifeSign = LifeSign(configuration)
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await obey(requests, attempt) }
      group.addTask { await lifeSign.watch(attempt, of: job, stores, log) }
      // Whatever goes wrong here, the child is gone and reaped before anyone judges.
      defer { group.cancelAll() }
      do {
        for try await message in attempt.messages {
          guard try await recorder.take(message) else {
            log.warning("an attempt outlived its epoch", metadata: ["job": "\(job.id)"])
            attempt.kill()
            break
          }
          lifeSign.heard()
          if recorder.finished != nil { group.addTask { await end(attempt) } }
        }
        // A cancelled task hears nothing more: the process is being ended in haste.
        if Task.isCancelled { attempt.kill() }
        let exit = await attempt.exit()
        try await recorder.flush()
        return RetryPolicy(
          exit: exit, failure: recorder.failure, finished: recorder.finished,
          suspended: registry.isSuspended || Task.isCancelled,
          progressed: recorder.progressed, silentSeconds: lifeSign.endedAfter
        ).ending(of: job)
      } catch {
        attempt.kill()
        _ = await attempt.exit()
        throw error
      }
    }
  }

  /// Passes requests on; each has a time after which the child is killed.
  private func obey(
    _ requests: AsyncStream<AttemptRegistry.Request>, _ attempt: any RunningAttempt
  ) async {
    await withDiscardingTaskGroup { group in
      for await request in requests {
        switch request {
        case .cancel(.now): attempt.kill()
        case .cancel(.graceful):
          attempt.send(.stop)
          group.addTask { await kill(attempt, after: configuration.cancelGrace) }
        case .suspend:
          attempt.send(.suspend)
          group.addTask { await kill(attempt, after: configuration.stopGrace) }
        }
      }
    }
  }

  /// A child that has said its last word may take a while to go, but not for ever.
  private func end(_ attempt: any RunningAttempt) async {
    await kill(attempt, after: configuration.stopGrace)
  }

  private func kill(_ attempt: any RunningAttempt, after delay: Duration) async {
    guard (try? await stores.time.sleep(for: delay)) != nil else { return }
    attempt.kill()
  }

  // MARK: Outcome

  private func publish(_ artifacts: [WorkEvent.Artifact], _ job: Job) async throws -> Bool {
    let fence = Fence(jobId: job.id, epoch: job.epoch)
    return try await Publisher(stores).publish(artifacts, fence) != nil
  }

  /// Errors on this side of the pipe. Fatal ones end the process; the restart reads the disk back.
  private func judge(_ error: any Error) throws -> AttemptEnding {
    if let reason = PassingTrouble.reason(of: error) {
      return .wait(JobFailure(reason, retryable: true), counts: false)
    }
    switch error {
    case let error as EngineError: return .fail(JobFailure(error))
    case let error as StorageError:
      stores.database.report(error)
      if error.isFatal { throw error }
      return .fail(JobFailure(EngineError(.internalError, "\(error)")))
    case is CancellationError:
      return .again(JobFailure(EngineError(.workerLost, "the service stopped")), counts: false)
    default:
      log.error("an attempt failed", metadata: ["error": "\(error)"])
      return .fail(
        JobFailure(
          EngineError(.workerCrashed, PlainReason.of(error), hint: "see the job's log")))
    }
  }

  /// Makes the one move that is left. What passes delays it: the row must say what happened.
  private func settle(_ job: Job, _ ending: AttemptEnding) async throws {
    while true {
      do {
        guard try await move(job, ending) == nil else { return }
        let cancelled = JobMove(
          to: .cancelled, from: [.cancelling], epoch: job.epoch, message: "the worker is gone")
        if try await stores.jobs.move(job.id, cancelled) == nil {
          log.warning("an attempt ended after its epoch", metadata: ["job": "\(job.id)"])
        }
        return
      } catch let error as StorageError where error.isPassing {
        try await stores.time.sleep(for: .seconds(1))
      }
    }
  }

  private func move(_ job: Job, _ ending: AttemptEnding) async throws -> Job? {
    switch ending {
    case .publish: nil
    case .fail(let failure):
      try await stores.jobs.move(
        job.id,
        JobMove(to: .failed, from: [.running, .pausing], epoch: job.epoch, error: failure))
    case .again(let failure, let counts):
      try await stores.jobs.move(
        job.id,
        JobMove(
          to: .queued, from: [.running], epoch: job.epoch, countsAttempt: counts,
          message: "\(failure.message); the job goes on from its last checkpoint"))
    case .wait(let failure, let counts):
      try await park(job, failure, counts)
    }
  }

  private func park(_ job: Job, _ failure: JobFailure, _ counts: Bool) async throws -> Job? {
    let delay = parking.park(job.id, needsDisk: failure.code == .diskFull)
    let reason = EngineError(failure.code, failure.message, hint: failure.hint)
    let seconds = Double(delay.components.seconds) + Double(delay.components.attoseconds) / 1e18
    let waiting = JobWaiting(reason, nextTry: stores.time.now.advanced(bySeconds: seconds))
    return try await stores.jobs.move(
      job.id,
      JobMove(
        to: .queued, from: [.running], epoch: job.epoch, countsAttempt: counts,
        message: "\(failure.message); the job waits and goes on from its last checkpoint",
        waiting: waiting))
  }
}
