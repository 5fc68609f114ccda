import API
import ArgumentParser
import CLinux
import Foundation
import HTTP
import Jobs
import Logging
import ServiceLifecycle
import Storage
import UnixSignals

/// The service: HTTP, queue and workers until SIGTERM or SIGINT. The engine runs in children only.
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Runs the HTTP service.",
    discussion: """
      Settings come from --config (a JSON object), then from the environment (DREAMBOOTH_HOST, \
      DREAMBOOTH_PORT, ...), then from the flags. Names in the file and the environment: host, \
      port, data, models, workers, threads, key_file, share, queue_limit, disk_watermark, log_level.

      Says "listening on http://HOST:PORT" on standard error once it answers. On SIGTERM, SIGINT \
      or SIGHUP running jobs write a checkpoint and wait in the queue for the next start.

      Without --key-file anybody on this machine may use the service, and other machines may not \
      reach it. A line of the key file: NAME read|write SHA256-OF-THE-KEY.
      """)

  @Option(help: ArgumentHelp("Settings as a JSON object.", valueName: "file"))
  var config: String?
  @Option(help: ArgumentHelp("Address to listen on (default: 127.0.0.1).", valueName: "address"))
  var host: String?
  @Option(help: ArgumentHelp("Port; 0 takes a free one (default: 8080).", valueName: "n"))
  var port: String?
  @Option(help: ArgumentHelp("Folder of everything that is stored.", valueName: "dir"))
  var data: String?
  @Option(help: ArgumentHelp("Folder of the base models (default: as shipped).", valueName: "dir"))
  var models: String?
  @Option(help: ArgumentHelp("Jobs that run beside each other (default: 1).", valueName: "n"))
  var workers: String?
  @Option(help: ArgumentHelp("Threads per worker (default: all cores shared).", valueName: "n"))
  var threads: String?
  @Option(help: ArgumentHelp("API keys, hashed; needed for other addresses.", valueName: "file"))
  var keyFile: String?
  @Option(help: ArgumentHelp("Folder with migrations and openapi.yaml.", valueName: "dir"))
  var share: String?
  @Option(help: ArgumentHelp("trace, debug, info, notice, warning or error.", valueName: "level"))
  var logLevel: String?
  @Flag(
    help:
      "Takes a data folder whose database is missing or another's; unknown files are moved aside.")
  var adopt = false

  func run() async throws {
    let environment = ProcessInfo.processInfo.environment
    let flags = [
      "host": host, "port": port, "data": data, "models": models, "workers": workers,
      "threads": threads, "key_file": keyFile, "share": share, "log_level": logLevel,
    ].compactMapValues { $0 }
    let configuration = try ServiceConfiguration(
      file: config ?? environment["DREAMBOOTH_CONFIG"], environment: environment, flags: flags)
    Telemetry.bootstrap(level: configuration.logLevel)
    for ignored in [SIGPIPE, SIGUSR1, SIGUSR2] { signal(ignored, SIG_IGN) }
    clinux_return_freed_memory()
    DescriptorLimit.raise()
    let composition: Composition
    do {
      composition = try await Composition(
        configuration, share: try ShareFolder(configuration.share), telemetry: Telemetry(),
        adopting: adopt)
    } catch let error as StorageError where error.refusesFolder {
      throw UsageError("\(error)")
    } catch let error as Server.Failure {
      throw UsageError("\(error)")
    } catch let error as OpenAPIDocument.Unreadable {
      throw UsageError("\(error)")
    }
    try await composition.dispatcher.recover()
    let systemd = Systemd(environment: environment)
    // Services stop in reverse order: first the children, while requests are still answered.
    let group = ServiceGroup(
      configuration: .init(
        services: [
          .init(service: HTTPService(composition.server, configuration.host, systemd)),
          .init(service: Watchdog(composition.stores, systemd)),
          .init(service: HeapTrimmer()),
          .init(service: DispatcherService(composition.dispatcher, systemd)),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint, .sighup], logger: Logger(label: "lifecycle")))
    try await group.run()
  }
}

/// Answers requests until the group stops, and then for as long as an answer in progress may need.
private struct HTTPService: Service {
  private static let lastAnswers = Duration.seconds(3)

  private let server: Server
  private let host: String
  private let systemd: Systemd

  init(_ server: Server, _ host: String, _ systemd: Systemd) {
    self.server = server
    self.host = host.contains(":") ? "[\(host)]" : host
    self.systemd = systemd
  }

  func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await server.run { port in
          FileHandle.standardError.write(Data("listening on http://\(host):\(port)\n".utf8))
          systemd.ready()
        }
      }
      group.addTask {
        try await gracefulShutdown()
        try await Task.sleep(for: Self.lastAnswers)
      }
      try await group.next()
      group.cancelAll()
    }
  }
}

/// Gives back what a burst of requests has left free in the heap.
private struct HeapTrimmer: Service {
  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        clinux_trim_heap()
        try? await Task.sleep(for: .seconds(15))
      }
    }
  }
}

/// Examines photos and runs jobs; stops when every child has written its checkpoint and is gone.
private struct DispatcherService: Service {
  private let dispatcher: Dispatcher
  private let systemd: Systemd

  init(_ dispatcher: Dispatcher, _ systemd: Systemd) {
    self.dispatcher = dispatcher
    self.systemd = systemd
  }

  func run() async throws {
    try await withGracefulShutdownHandler {
      try await dispatcher.run()
    } onGracefulShutdown: {
      systemd.stopping()
      dispatcher.stop()
    }
  }
}

/// Tells systemd that the service lives, as long as its database answers.
private struct Watchdog: Service {
  private let stores: Stores
  private let systemd: Systemd

  init(_ stores: Stores, _ systemd: Systemd) {
    self.stores = stores
    self.systemd = systemd
  }

  func run() async throws {
    guard let interval = systemd.watchdogInterval else { return try await gracefulShutdown() }
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        if (try? await stores.jobs.counts()) != nil { systemd.watchdog() }
        try? await Task.sleep(for: interval / 3)
      }
    }
  }
}
