import Foundation
import FoundationNetworking
import Synchronization
import TestSupport

/// `dreambooth serve` as a real process on a free port of the loopback, and a client for it.
final class RunningService: @unchecked Sendable {
  struct Failure: Error, CustomStringConvertible { let description: String }

  struct Answer {
    let status: Int
    let headers: [String: String]
    let body: Data

    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:]
    }
    var text: String { String(decoding: body, as: UTF8.self) }
    /// The stable code of a problem.
    var code: String? { json["code"] as? String }
  }

  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The binary that was built beside the tests.
  static let binary = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    .appending(path: "dreambooth")

  let data: URL
  let models: URL
  private let process = Process()
  private(set) var url = ""

  /// - Parameters:
  ///   - data: folder that outlives the process
  ///   - models: folder of base models; as shipped by default
  init(data: URL, models: URL = root.appending(path: "models"), flags: [String] = []) async throws {
    self.data = data
    self.models = models
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    let log = data.deletingLastPathComponent()
      .appending(path: "\(data.lastPathComponent)-\(UInt64.random(in: 0...(.max))).log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    process.executableURL = Self.binary
    process.arguments =
      ["serve", "--port", "0", "--data", data.path, "--models", models.path] + flags
    process.currentDirectoryURL = Self.root
    process.standardError = try FileHandle(forWritingTo: log)
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    Self.endWithTheTests(process.processIdentifier)
    let started = Date()
    while Date().timeIntervalSince(started) < 60, process.isRunning {
      let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
      if let found = text.firstMatch(of: /listening on (http:\/\/[0-9.:]+)/) {
        url = String(found.1)
        return
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
    throw Failure(description: "the service did not come up: \(said)")
  }

  /// A service that several tests share lives until the test process ends, and no longer.
  private static func endWithTheTests(_ pid: Int32) {
    started.withLock { $0.append(pid) }
    _ = registration
  }

  private static let started = Mutex<[Int32]>([])
  private static let registration = atexit {
    RunningService.started.withLock { for pid in $0 { kill(pid, SIGKILL) } }
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  // MARK: - Life and death

  /// SIGTERM, as systemd sends it.
  /// - Returns: exit code
  func stop() async throws -> Int32 {
    process.terminate()
    return await ended()
  }

  /// SIGKILL: no last word.
  func crash() async {
    kill(process.processIdentifier, SIGKILL)
    _ = await ended()
  }

  private func ended() async -> Int32 {
    while process.isRunning { try? await Task.sleep(for: .milliseconds(20)) }
    return process.terminationStatus
  }

  var isRunning: Bool { process.isRunning }

  /// The children that train, found among the processes of this machine.
  var workers: [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { Int32($0) }.filter { pid in
      guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
        let line = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8),
        let after = stat.range(of: ") ", options: .backwards)
      else { return false }
      let fields = stat[after.upperBound...].split(separator: " ")
      return fields.count > 1 && Int32(fields[1]) == process.processIdentifier && fields[0] != "Z"
        && line.split(separator: "\0").dropFirst().first == "worker"
    }
  }

  // MARK: - Requests

  func send(
    _ method: String, _ path: String, headers: [String: String] = [:], body: Data? = nil
  ) async throws -> Answer {
    guard let address = URL(string: url + path) else { throw Failure(description: path) }
    var request = URLRequest(url: address, timeoutInterval: 120)
    request.httpMethod = method
    request.httpBody = body
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    let (data, response) = try await URLSession.shared.data(for: request)
    guard let response = response as? HTTPURLResponse else {
      throw Failure(description: "no HTTP answer to \(path)")
    }
    let pairs = response.allHeaderFields.map { ("\($0)".lowercased(), "\($1)") }
    return Answer(
      status: response.statusCode, headers: Dictionary(pairs) { $1 }, body: data)
  }

  func get(_ path: String) async throws -> Answer { try await send("GET", path) }

  /// A JSON body, as `retry` and `clone` take it.
  func post(_ path: String, _ json: String = "{}") async throws -> Answer {
    try await send(
      "POST", path, headers: ["Content-Type": "application/json"], body: Data(json.utf8))
  }

  /// A part of an upload that is not a photo.
  typealias Companion = (field: String, name: String, type: String, bytes: Data)

  /// One multipart POST: the part `job`, then the photos under their names and what belongs to them.
  func post(
    job: [String: Any], photos: [(name: String, bytes: Data)], companions: [Companion] = [],
    query: String = ""
  ) async throws -> Answer {
    let json = try JSONSerialization.data(withJSONObject: job)
    return try await post(json: json, photos: photos, companions: companions, query: query)
  }

  func post(
    json: Data, photos: [(name: String, bytes: Data)], companions: [Companion] = [],
    query: String = ""
  ) async throws -> Answer {
    let boundary = "dreambooth-test-boundary"
    var body = Data()
    func part(_ disposition: String, _ type: String, _ content: Data) {
      body += Data("--\(boundary)\r\nContent-Disposition: form-data; \(disposition)\r\n".utf8)
      body += Data("Content-Type: \(type)\r\n\r\n".utf8) + content + Data("\r\n".utf8)
    }
    part("name=\"job\"", "application/json", json)
    for photo in photos {
      part("name=\"images\"; filename=\"\(photo.name)\"", "image/png", photo.bytes)
    }
    for part in companions {
      let disposition = "name=\"\(part.field)\"; filename=\"\(part.name)\""
      body += Data("--\(boundary)\r\nContent-Disposition: form-data; \(disposition)\r\n".utf8)
      body += Data("Content-Type: \(part.type)\r\n\r\n".utf8) + part.bytes + Data("\r\n".utf8)
    }
    body += Data("--\(boundary)--\r\n".utf8)
    return try await send(
      "POST", "/v1/jobs\(query)",
      headers: ["Content-Type": "multipart/form-data; boundary=\(boundary)"], body: body)
  }

  /// Posts a job that must be accepted.
  /// - Returns: its id
  func submit(
    job: [String: Any], photos: [(name: String, bytes: Data)], companions: [Companion] = []
  ) async throws -> String {
    try id(of: try await post(job: job, photos: photos, companions: companions))
  }

  /// The job that an answer has accepted.
  func id(of answer: Answer) throws -> String {
    guard answer.status == 202, let id = answer.json["id"] as? String else {
      throw Failure(description: "status \(answer.status): \(answer.text)")
    }
    return id
  }

  /// Polls the job until `isReached`.
  @discardableResult
  func wait(
    for id: String, seconds: Double = 300, until isReached: ([String: Any]) -> Bool
  ) async throws -> [String: Any] {
    let started = Date()
    var last = ""
    while Date().timeIntervalSince(started) < seconds {
      let answer = try await get("/v1/jobs/\(id)")
      if isReached(answer.json) { return answer.json }
      last = answer.text
      try await Task.sleep(for: .milliseconds(100))
    }
    throw Failure(description: "job \(id) did not get there in \(seconds) s: \(last)")
  }

  /// Waits for a final state.
  @discardableResult
  func finished(_ id: String, seconds: Double = 300) async throws -> [String: Any] {
    try await wait(for: id, seconds: seconds) {
      ["succeeded", "failed", "cancelled"].contains($0["status"] as? String ?? "")
    }
  }

  /// SHA-256 of every weights file that the job offers, by format and name.
  func digests(of id: String) async throws -> [String: String] {
    let list = try await get("/v1/jobs/\(id)/artifacts").json["data"] as? [[String: Any]] ?? []
    var digests: [String: String] = [:]
    for artifact in list {
      for file in artifact["files"] as? [[String: Any]] ?? [] {
        let name = file["name"] as? String ?? ""
        guard name.hasSuffix(".safetensors") else { continue }
        digests["\(artifact["format"] ?? "")/\(name)"] = file["sha256"] as? String
      }
    }
    return digests
  }

  /// SHA-256 of the tuned U-Net that the job offers.
  func weights(of id: String) async throws -> String {
    let list = try await get("/v1/jobs/\(id)/artifacts").json
    let files = (list["data"] as? [[String: Any]] ?? [])
      .flatMap { $0["files"] as? [[String: Any]] ?? [] }
    let unet = files.first {
      ($0["name"] as? String ?? "").hasPrefix("unet/")
        && ($0["name"] as? String ?? "").hasSuffix(".safetensors")
    }
    guard let digest = unet?["sha256"] as? String else {
      throw Failure(description: "job \(id) offers no U-Net: \(list)")
    }
    return digest
  }
}
