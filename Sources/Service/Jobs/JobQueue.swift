package import Foundation
package import Storage
import Synchronization

/// What requests ask of the queue: submit, try out, cancel, wait. The dispatcher does the work.
package final class JobQueue: Sendable {
  package let stores: Stores
  package let configuration: JobsConfiguration
  package let identifiers: IdentifierSurvey
  package let machine: MachineSurvey
  let intake: PhotoIntake
  let attempts = AttemptRegistry()
  /// Rings when there may be a job to look at.
  let signal = Signal()
  let disk: any DiskSpace
  let space = UploadSpace()
  let parking: Parking
  private let dryRuns: DryRuns
  private let draining = Mutex(false)

  package init(
    _ stores: Stores, configuration: JobsConfiguration, decoder: any PhotoDecoder,
    disk: any DiskSpace = SystemDisk()
  ) {
    self.stores = stores
    self.configuration = configuration
    self.disk = disk
    identifiers = IdentifierSurvey(stores.folder, configuration)
    machine = MachineSurvey(stores.folder, configuration)
    parking = Parking(configuration)
    dryRuns = DryRuns(limit: configuration.dryRunLimit)
    intake = PhotoIntake(
      stores, decoder: decoder, gate: DecoderGate(configuration.decoders),
      pixelLimit: configuration.pixelLimit)
  }

  /// A picture as it came in: what is to be stored of it, and its bytes in a file on the data folder's file
  /// system.
  package struct IncomingPhoto: Sendable {
    package var upload: UploadedPhoto
    package var file: URL
    package var mask: URL?
    package init(_ upload: UploadedPhoto, file: URL, mask: URL? = nil) {
      self.upload = upload
      self.file = file
      self.mask = mask
    }
  }

  /// Stores a job and its photos; when this returns `created`, both have reached the disk. The photo
  /// files are moved away from where they were; the files of checkpoints that the job begins with are
  /// linked.
  /// - Parameter answer: the response body kept for replays of the idempotency key
  /// - Throws: `JobError.draining`, `.queueFull`, `.diskLow`; `StorageError`
  package func submit(
    _ draft: JobDraft, photos: [IncomingPhoto], idempotency: IdempotencyKey?,
    answer: @escaping @Sendable (Job) throws -> Data
  ) async throws -> JobStore.Creation {
    try await requireRoom(for: photos)
    let id = stores.ids.next(.job)
    let folder = stores.folder
    do {
      try await BlockingIO.run {
        if draft.sharedDataset == nil { try Self.keep(photos, ofJob: id, in: folder) }
        try draft.initFrom.map {
          try FileIO.linkFiles(of: $0.folder, in: folder.initFrom(ofJob: id))
        }
        try draft.resumeFrom.map {
          try FileIO.linkFiles(of: $0.folder, in: folder.resumeFrom(ofJob: id))
        }
      }
      let creation = try await stores.jobs.create(
        draft, id: id, photos: photos.map(\.upload), idempotency: idempotency, answer: answer)
      if case .created = creation { signal.ring() } else { try await forget(id) }
      return creation
    } catch {
      stores.database.report(error)
      // After a fatal error nobody knows whether the job was stored: its files stay for recovery.
      if (error as? StorageError)?.isFatal != true { try? await forget(id) }
      throw error
    }
  }

  /// Removes the files of a job that was not stored.
  private func forget(_ id: String) async throws {
    let folder = stores.folder
    try await BlockingIO.run {
      try FileIO.remove(folder.uploads(ofJob: id))
      try FileIO.remove(folder.job(id))
    }
  }

  /// Runs a dry run, one of a bounded number. It is cancelled with its task and when the service stops.
  /// - Throws: `JobError.tooManyDryRuns`, `.draining`; what `work` throws
  package func dryRun<Value: Sendable>(
    _ work: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await dryRuns.run(work)
  }

  /// The verdicts that these photos would get; nothing is stored.
  /// - Parameters:
  ///   - targetSide: side of the training pictures in pixels, if it is known
  ///   - caller: the key that asks; keys share the decoders evenly
  package func examine(
    _ photos: [IncomingPhoto], targetSide: Int? = nil, caller: String? = nil
  ) async throws -> [DatasetImage] {
    try await requireRoom(for: photos)
    let images = photos.enumerated().map { position, photo in
      DatasetImage(
        id: stores.ids.next(.image), datasetId: "", position: position, photo.upload)
    }
    let examined = try await intake.examine(
      Dataset(unstored: images, at: stores.time.now),
      files: photos.map { .init(photo: $0.file, mask: $0.mask) }, targetSide: targetSide,
      for: "the key \(caller ?? "")")
    try await intake.discard(examined)
    return examined.map(\.image)
  }

  package struct Cancellation: Sendable {
    package var job: Job
    /// `false` if it was being cancelled, or was cancelled, before.
    package var changed: Bool
  }

  /// - Throws: `JobError.notFound`; `JobError.final` if the job has succeeded or failed
  package func cancel(_ id: String, _ mode: CancelMode) async throws -> Cancellation {
    while true {
      guard let job = try await stores.jobs.find(id) else { throw JobError.notFound(id) }
      switch job.status {
      case .validating, .queued, .paused:
        let move = JobMove(to: .cancelled, from: [job.status], message: "cancelled on request")
        if let job = try await stores.jobs.move(id, move) {
          try await intake.dropUploads(ofJob: id)
          return Cancellation(job: job, changed: true)
        }
      case .running, .pausing:
        let move = JobMove(to: .cancelling, from: [job.status], message: "stopping on request")
        if let job = try await stores.jobs.move(id, move) {
          attempts.cancel(id, mode)
          return Cancellation(job: job, changed: true)
        }
      case .cancelling:
        if mode == .now { attempts.cancel(id, mode) }
        return Cancellation(job: job, changed: false)
      case .cancelled: return Cancellation(job: job, changed: false)
      case .succeeded, .failed: throw JobError.final(id: id, status: job.status)
      }
      // Another move came first: look again.
    }
  }

  /// Returns the job as soon as its `statusSeq` is above `statusSeq`, or after `timeout` as it is then;
  /// `nil` if there is no such job.
  package func waitForChange(
    of id: String, newerThan statusSeq: Int, timeout: Duration
  ) async throws -> Job? {
    let changes = stores.database.changes.subscribe(id)
    let jobs = stores.jobs
    let time = stores.time
    return try await withThrowingTaskGroup(of: Job?.self) { group in
      group.addTask {
        guard let job = try await jobs.find(id) else { return nil }
        if job.statusSeq > statusSeq { return job }
        for await _ in changes {
          if let job = try await jobs.find(id), job.statusSeq > statusSeq { return job }
        }
        return try await jobs.find(id)
      }
      group.addTask {
        try? await time.sleep(for: timeout)
        return try await jobs.find(id)
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }

  /// From now on new work is refused, and what can be asked again is dropped.
  package func drain() {
    draining.withLock { $0 = true }
    identifiers.stop()
    machine.stop()
    dryRuns.stop()
  }

  /// Whether a job is computed right now.
  package var isBusy: Bool { attempts.isRunning }

  package var isDraining: Bool { draining.withLock { $0 } }

  /// What the headers of an upload already decide, before any of its body is taken.
  /// - Parameters:
  ///   - bytes: length of the body; `nil` if nobody knows, and then space is asked for part by part
  ///   - isReplay: the request was answered before: a full queue does not matter to it
  /// - Throws: `JobError.draining`, `.queueFull`, `.diskLow`, `.notWritable`
  package func admit(bytes: Int?, isReplay: Bool = false) async throws -> SpaceReservation {
    guard !isDraining else { throw JobError.draining }
    if !isReplay { try await requirePlace() }
    // Promised first, so that of two at once the second sees the first.
    let key = space.promise(Int64(bytes ?? 0))
    let reservation = SpaceReservation(self, key, isFixed: bytes != nil)
    try await requireDisk(for: Int64(bytes ?? 0), except: key)
    return reservation
  }

  private func requireRoom(for photos: [IncomingPhoto]) async throws {
    guard !isDraining else { throw JobError.draining }
    try await requirePlace()
    try await requireDisk(for: photos.reduce(0) { $0 + Int64($1.upload.bytes) })
  }

  private func requirePlace() async throws {
    let counts = try await stores.jobs.counts()
    let waiting = counts[.queued, default: 0] + counts[.validating, default: 0]
    guard waiting < configuration.queueLimit else {
      throw JobError.queueFull(limit: configuration.queueLimit)
    }
  }

  /// What every job needs of the disk, so that a probe and a POST say the same: the watermark stays free beside
  /// what other uploads have been promised and what the ballast has given away.
  package func requireDisk(for bytes: Int64 = 0, except reservation: Int? = nil) async throws {
    let (disk, folder, space) = (disk, stores.folder, space)
    let fixed = configuration.diskWatermark + bytes + Int64(stores.database.ballast.missing)
    let (free, needed) = try await BlockingIO.run {
      do {
        for place in [folder.root, folder.temporary, folder.uploads, folder.blobs, folder.jobs] {
          try FileIO.requireWritable(place)
        }
      } catch let error as StorageError {
        throw JobError.notWritable(error)
      }
      return (
        try disk.freeBytes(at: folder.root), fixed + space.outstanding(except: reservation)
      )
    }
    guard free >= needed else { throw JobError.diskLow(free: free, needed: needed) }
  }

  /// Whether a new job could be stored: a place on the disk, and a database that can be written.
  package func requireStorage() async throws {
    try await stores.database.requireWritable()
    try await requireDisk()
  }

  /// Moves the photos under the job's id and syncs them and their folder.
  private static func keep(
    _ photos: [IncomingPhoto], ofJob id: String, in folder: DataFolder
  ) throws {
    let target = folder.uploads(ofJob: id)
    try FileIO.createFolder(target)
    for (position, photo) in photos.enumerated() {
      try FileIO.sync(photo.file)
      try FileIO.renameDurably(photo.file, to: folder.upload(ofJob: id, position: position))
      guard let mask = photo.mask else { continue }
      try FileIO.sync(mask)
      try FileIO.renameDurably(mask, to: folder.mask(ofJob: id, position: position))
    }
  }
}
