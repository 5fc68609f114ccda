import Foundation

@testable import HTTP

/// A server with a few routes on a free port, for the time of one test. Server and client run on
/// threads of their own: sockets block, and tests that compute hold the shared pool for minutes.
func withServer(
  limits: ServerLimits = ServerLimits(), keys: APIKeys? = nil, draining: Bool = false,
  folder: URL? = nil, _ test: @escaping @Sendable (Int) throws -> Void
) async throws {
  var configuration = Server.Configuration(host: "127.0.0.1", port: 0, keys: keys)
  configuration.limits = limits
  let server = try Server(
    configuration, routes: routes(limits, folder), isDraining: { draining })
  try await withTaskExecutorPreference(ThreadExecutor()) {
    let (ports, found) = AsyncStream<Int>.makeStream()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.run { found.yield($0) } }
      var iterator = ports.makeAsyncIterator()
      let port = await iterator.next() ?? 0
      let result = Result { try test(port) }
      await server.stop()
      try await group.waitForAll()
      try result.get()
    }
  }
}

/// A thread per job. Unlike a bare thread, a task that runs here stays the task of its test.
private final class ThreadExecutor: TaskExecutor {
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

private func routes(_ limits: ServerLimits, _ folder: URL?) -> [Route] {
  [
    Route("hello", "GET", "/hello/{name}", .read) { request in
      .text("hello \(request.parameter("name")) \(request.caller ?? "anyone")")
    },
    Route("healthz", "GET", "/healthz", .open) { _ in .text("ok") },
    Route("echo", "POST", "/echo", .write) { request in
      guard request.headers["Content-Type"] == "application/json" else {
        throw Problem(.unsupportedMediaType, "Content-Type must be application/json")
      }
      return Response(
        contentType: "application/json", try await request.body.collect(upTo: limits.jsonBytes))
    },
    Route("upload", "POST", "/upload", .write) { request in
      var reader = try MultipartReader(
        contentType: request.headers["Content-Type"], body: request.body, limits: limits)
      let folder = try UploadFolder(in: folder ?? FileManager.default.temporaryDirectory)
      var lines: [String] = []
      while let part = try await reader.next() {
        let file = try await folder.store(
          part, lines.count, from: &reader, limit: limits.fileBytes)
        lines.append("\(part.name) \(part.filename ?? "-") \(file.bytes) \(file.sha256)")
      }
      return .text(lines.joined(separator: "\n"))
    },
    Route("boom", "GET", "/boom", .read) { _ in throw CocoaError(.coderInvalidValue) },
    Route("big", "GET", "/big", .read) { _ in
      Response(contentType: "application/octet-stream", Data(count: 64 << 20))
    },
    Route("file", "GET", "/file", .read) { request in
      try FileResponse.make(
        (folder ?? FileManager.default.temporaryDirectory).appendingPathComponent("file"),
        contentType: "image/png", etag: "abc", request: request, downloadName: "a \"b\".png")
    },
  ]
}

func temporaryFolder() throws -> URL {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("http-tests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url
}
