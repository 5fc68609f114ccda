import API
import Contract
import Diffusion
import Foundation
import HTTP
import Jobs
import Logging
import Storage
import Tensors

/// Every object of the service, built once: the wiring diagram.
struct Composition {
  let stores: Stores
  let queue: JobQueue
  let dispatcher: Dispatcher
  let server: Server
  let database: Database

  init(
    _ configuration: ServiceConfiguration, share: ShareFolder, telemetry: Telemetry,
    adopting: Bool = false
  ) async throws {
    let models = try share.models(configuration.models)
    let folder = try DataFolder(URL(fileURLWithPath: configuration.data))
    if !adopting { try FolderIdentity.requireDatabase(folder) }
    database = try Database(folder) { error in Self.stop(error) }
    try await Migrator(folder: share.migrations).apply(database, now: SystemTime().now)
    try await FolderIdentity.check(folder, database, adopting: adopting)
    stores = Stores(folder, database, time: SystemTime())

    let jobs = Self.jobs(configuration, models)
    let shelf = ModelShelf(models)
    queue = JobQueue(stores, configuration: jobs, decoder: ChildPhotoDecoder(jobs))
    dispatcher = Dispatcher(
      queue, models: shelf, runner: LocalRunner(jobs), log: Logger(label: "jobs"))

    let keys = try configuration.keyFile.map(Self.keys)
    var http = Server.Configuration(
      host: configuration.host, port: configuration.port, keys: keys)
    http.limits = ServerLimits()
    http.limits.connections = DescriptorLimit.connections(atMost: http.limits.connections)
    http.limits.connectionsPerPeer = min(
      http.limits.connectionsPerPeer, http.limits.connections)
    let context = APIContext(
      queue: queue, shelf: shelf, build: EngineBuild.version,
      engine: Capabilities.Engine(
        isa: InstructionSet.current.rawValue, threads: jobs.threads, workers: jobs.workers),
      limits: http.limits, openAPI: try OpenAPIDocument.json(ofYAML: share.openAPI),
      memory: MachineMemory.budget / jobs.workers, metricsText: { telemetry.prometheus() })
    let queue = queue
    server = try Server(
      http, routes: RouteTable.routes(context), isDraining: { queue.isDraining },
      problem: ProblemMapping.problem, observe: { telemetry.record($0) })
  }

  private static func jobs(
    _ configuration: ServiceConfiguration, _ models: URL
  ) -> JobsConfiguration {
    let cores = max(1, ProcessInfo.processInfo.activeProcessorCount)
    var jobs = JobsConfiguration(
      threads: configuration.threads > 0
        ? configuration.threads : max(1, cores / configuration.workers))
    jobs.workers = configuration.workers
    jobs.queueLimit = configuration.queueLimit
    jobs.diskWatermark = Int64(configuration.diskWatermark)
    jobs.memoryBytes = MachineMemory.budget / jobs.workers
    let encoder = models.appending(path: "encoders/starter-clip")
    jobs.clipEncoder = ShareFolder.isFolder(encoder.path) ? encoder : nil
    return jobs
  }

  private static func keys(_ file: String) throws -> APIKeys {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw UsageError("\(file): the key file cannot be read")
    }
    do {
      return try APIKeys(file: String(decoding: data, as: UTF8.self))
    } catch {
      throw UsageError("\(file): \(error)")
    }
  }

  /// After a failed write nobody knows what is on the disk; only a restart that reads it back does.
  private static func stop(_ error: StorageError) {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    _exit(ServeExit.storage)
  }
}

enum ServeExit {
  /// EX_IOERR: the disk failed; a supervisor should start the service again.
  static let storage: Int32 = 74
}
