import Contract
import Foundation
import Jobs
import Logging
import Storage
import Synchronization
import Testing

/// A queue with its folder, a base model, a scripted decoder and a scripted worker.
final class JobsFixture: Sendable {
  let root: URL
  let stores: Stores
  let models: ModelShelf
  let configuration: JobsConfiguration
  let disk = FixedDisk()
  let queue: JobQueue
  /// Fatal errors: each would have ended the process.
  let fatal = Counter()

  /// - Parameter reopening: a folder that an earlier fixture has left
  init(
    reopening: URL? = nil, expectsFatal: Bool = false,
    _ configure: (inout JobsConfiguration) -> Void = { _ in }
  ) async throws {
    root =
      reopening
      ?? FileManager.default.temporaryDirectory.appending(path: "jobs-\(UUID().uuidString)")
    let folder = try DataFolder(root.appending(path: "data"))
    let fatal = fatal
    let database = try Database(folder) { error in
      if expectsFatal { fatal.add() } else { Issue.record("\(error)") }
    }
    let repository = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    try await Migrator(folder: repository.appending(path: "migrations"))
      .apply(database, now: SystemTime().now)
    stores = Stores(folder, database, time: SystemTime())
    let model = root.appending(path: "models/tiny")
    try FileIO.createFolder(model)
    try Data(#"{"_class_name":"StableDiffusionPipeline"}"#.utf8)
      .write(to: model.appending(path: "model_index.json"))
    models = ModelShelf(root.appending(path: "models"))
    var configuration = JobsConfiguration(threads: 1)
    configuration.executable = URL(filePath: "/bin/sh")
    configuration.workerArguments = [root.appending(path: "worker.sh").path]
    configuration.childEnvironment = ["PATH": "/usr/bin:/bin"]
    configuration.cancelGrace = .milliseconds(300)
    configuration.stopGrace = .seconds(5)
    configuration.diskWatermark = 0
    configuration.shortestWait = .milliseconds(20)
    configuration.longestWait = .milliseconds(100)
    configure(&configuration)
    self.configuration = configuration
    queue = JobQueue(
      stores, configuration: configuration, decoder: ScriptedDecoder(), disk: disk)
  }

  func dispatcher() -> Dispatcher {
    Dispatcher(
      queue, models: models, runner: LocalRunner(configuration),
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  }

  /// Runs a dispatcher beside `body` and stops it afterwards.
  func running(_ body: () async throws -> Void) async throws {
    let dispatcher = dispatcher()
    try await dispatcher.recover()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await dispatcher.run() }
      do { try await body() } catch {
        dispatcher.stop()
        throw error
      }
      dispatcher.stop()
      try await group.waitForAll()
    }
  }

  /// Posts photos whose bytes say what the scripted decoder is to find.
  func submit(
    _ photos: [String] = ["fine 1", "fine 2"],
    _ configure: (inout JobDraft) -> Void = { _ in }
  ) async throws -> Job {
    let model = try await models.find("tiny")
    var draft = JobDraft(
      config: "{}", recipe: TrainingRecipe(classNoun: "dog"),
      baseModel: BaseModelReference(id: "tiny", sha256: model?.sha256 ?? ""), build: "test")
    configure(&draft)
    let creation = try await queue.submit(
      draft, photos: try incoming(photos), idempotency: nil
    ) { _ in Data() }
    guard case .created(let job, _) = creation else { throw JobError.notFound("new job") }
    return job
  }

  func incoming(_ photos: [String]) throws -> [JobQueue.IncomingPhoto] {
    try photos.map { text in
      let file = stores.folder.temporary.appending(path: UUID().uuidString)
      try Data(text.utf8).write(to: file)
      return .init(UploadedPhoto(fileName: "photo.jpg", bytes: text.utf8.count), file: file)
    }
  }

  /// Waits until the job is in one of these states.
  func wait(
    for id: String, _ statuses: Set<JobState>, seconds: Int = 300
  ) async throws -> Job {
    var seen = 0
    let limit = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < limit {
      let job = try await queue.waitForChange(of: id, newerThan: seen, timeout: .seconds(1))
      guard let job else { break }
      if statuses.contains(job.status) { return job }
      seen = job.statusSeq
    }
    let found = try await stores.jobs.find(id)?.status.rawValue ?? "gone"
    throw TimedOut(description: "\(id) is \(found), wanted \(statuses.map(\.rawValue).sorted())")
  }

  func finished(_ id: String) async throws -> Job {
    try await wait(for: id, [.succeeded, .failed, .cancelled])
  }

  /// Why the job waits, once it does.
  func waiting(_ id: String) async throws -> JobWaiting {
    let limit = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < limit {
      let job = try await stores.jobs.find(id)
      if let waiting = job?.waiting { return waiting }
      if job?.status.isFinal == true { throw TimedOut(description: "\(id) has ended") }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw TimedOut(description: "\(id) does not wait")
  }

  func close(keeping: Bool = false) throws {
    try stores.database.close()
    if !keeping { try FileIO.remove(root) }
  }

  func eventTypes(_ id: String) async throws -> [EventType] {
    try await stores.events.list(ofJob: id, limit: 1000).items.map(\.type)
  }

  func names(in folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
  }

  /// What the scripted worker of this attempt kept of its order.
  func order(ofJob id: String, epoch: Int) throws -> WorkOrder {
    let folder = stores.folder.attempt(ofJob: id, epoch: epoch)
    let line = try Data(contentsOf: folder.appending(path: "order.json"))
    return try EventLine.decode(WorkOrder.self, from: line)
  }
}

final class Counter: Sendable {
  private let count = Mutex(0)
  var value: Int { count.withLock { $0 } }
  func add() { count.withLock { $0 += 1 } }
}

struct TimedOut: Error, CustomStringConvertible { let description: String }

final class FixedDisk: DiskSpace {
  let free = Mutex<Int64>(.max)
  func freeBytes(at folder: URL) -> Int64 { free.withLock { $0 } }
}

/// Finds in a photo what its text says: `fine N`, `rejected`, `same` (near-duplicates of each other).
struct ScriptedDecoder: PhotoDecoder {
  func decode(
    _ photo: URL, targetSide: Int?, into folder: URL
  ) async throws -> DecodedPhoto {
    let text = String(decoding: try Data(contentsOf: photo), as: UTF8.self)
    if text.hasPrefix("rejected") {
      let finding = ImageFinding(.unsupportedType, "this is text; send PNG, JPEG or WebP")
      return DecodedPhoto(result: DecodeResult(findings: [finding]), pixels: nil)
    }
    let file = folder.appending(path: UUID().uuidString)
    try Data("pixels of \(text)".utf8).write(to: file)
    // Comparing takes long in a debug build: only photos that are to be alike have something to compare.
    let grey = (0..<ImageFingerprint.side * ImageFingerprint.side).map { UInt8($0 * 7919 % 251) }
    let result = DecodeResult(
      findings: [], width: 100, height: 80, cropBox: CropBox(x: 10, y: 0, side: 80),
      fingerprint: text.hasPrefix("same") ? ImageFingerprint(grey: Data(grey)) : nil, pngBytes: 10)
    return DecodedPhoto(result: result, pixels: file)
  }
}
