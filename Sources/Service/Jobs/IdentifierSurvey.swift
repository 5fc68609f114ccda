package import Contract
package import Foundation
import Glibc
import Storage
import Synchronization

/// What base models draw for rare words: asked once, worked out by one child at a time, kept in the cache.
package final class IdentifierSurvey: Sendable {
  /// Everything that an answer depends on.
  package struct Question: Codable, Equatable, Sendable {
    package var version = 1
    package var baseHash: String
    package var classNoun: String
    /// Words to look at; none leaves the choice to the engine.
    package var tokens: [String]
    package var count: Int
    package var encoder: String

    package init(
      baseHash: String, classNoun: String, tokens: [String], count: Int, encoder: String
    ) {
      (self.baseHash, self.classNoun, self.tokens) = (baseHash, classNoun, tokens)
      (self.count, self.encoder) = (tokens.isEmpty ? count : tokens.count, encoder)
    }

    /// Name of the answer's folder.
    package func key() throws -> String {
      String(FileHash.sha256(try ContractJSON.encoder().encode(self)).prefix(32))
    }
  }

  package enum Answer: Sendable {
    case ready(key: String, IdentifierReport)
    /// This question, or one before it, is being worked on.
    case pending
    /// Told once; the next time it is tried again.
    case failed(reason: String)
  }

  private struct State {
    var child: ChildProcess?
    var failures: [String: String] = [:]
    var stopped = false
  }

  private let configuration: JobsConfiguration
  private let folder: URL
  private let temporary: URL
  private let state = Mutex(State())

  init(_ folder: DataFolder, _ configuration: JobsConfiguration) {
    self.configuration = configuration
    self.folder = folder.cache.appending(path: "identifiers")
    temporary = folder.temporary
  }

  /// Name of the encoder that compares the pictures.
  package var encoder: String { configuration.clipEncoder?.lastPathComponent ?? "" }

  /// - Parameter model: folder of the base model
  package func ask(_ question: Question, model: URL) async throws -> Answer {
    let key = try question.key()
    if let report = try await report(key) { return .ready(key: key, report) }
    if let reason = state.withLock({ $0.failures.removeValue(forKey: key) }) {
      return .failed(reason: reason)
    }
    try start(question, key, model)
    return .pending
  }

  /// The picture of a stored answer; names that the report does not hold are not looked for.
  package func picture(_ name: String, of key: String) async throws -> URL? {
    guard let report = try await report(key), report.pictures.contains(name) else { return nil }
    return folder.appending(path: key).appending(path: name)
  }

  /// Ends the child; later questions are refused.
  func stop() {
    let child = state.withLock { state in
      state.stopped = true
      return state.child
    }
    child?.signal(SIGKILL)
  }

  private func report(_ key: String) async throws -> IdentifierReport? {
    guard key.count == 32, key.allSatisfy({ $0.isHexDigit && !$0.isUppercase }) else { return nil }
    let file = folder.appending(path: key).appending(path: IdentifierReport.fileName)
    return try await BlockingIO.run {
      guard let data = FileManager.default.contents(atPath: file.path) else { return nil }
      return try? ContractJSON.decoder().decode(IdentifierReport.self, from: data)
    }
  }

  private func start(_ question: Question, _ key: String, _ model: URL) throws {
    try FileIO.createFolder(folder)
    try state.withLock { state in
      guard !state.stopped else { throw JobError.draining }
      guard state.child == nil else { return }
      let log = temporary.appending(path: "identifiers-\(key).log")
      try FileIO.remove(log)
      var launch = ChildProcess.Launch(
        executable: configuration.executable,
        arguments: configuration.identifierArguments + arguments(question, key, model),
        environment: configuration.childEnvironment, log: log, logLimit: 1 << 16)
      (launch.niceness, launch.oomScore) = (19, 800)
      let child = try ChildProcess(launch, onEvents: { _ in }, onEnd: {})
      state.child = child
      Task { await self.reap(child, key, log) }
    }
  }

  private func arguments(_ question: Question, _ key: String, _ model: URL) -> [String] {
    let words = question.tokens.isEmpty ? [] : ["--tokens", question.tokens.joined(separator: ",")]
    return [
      "--base", model.path, "--class", question.classNoun, "--count", "\(question.count)",
      "--output", folder.appending(path: key).path, "--threads", "\(configuration.threads)",
    ] + words + (configuration.clipEncoder.map { ["--clip", $0.path] } ?? [])
  }

  private func reap(_ child: ChildProcess, _ key: String, _ log: URL) async {
    let exit = await child.exit()
    let failure = exit == .code(0) ? nil : Self.reason(exit, log)
    try? FileIO.remove(log)
    state.withLock { state in
      state.child = nil
      if let failure { state.failures[key] = failure }
    }
  }

  /// The child's last line, in which it says why.
  private static func reason(_ exit: ChildExit, _ log: URL) -> String {
    let text = FileManager.default.contents(atPath: log.path).map {
      String(decoding: $0, as: UTF8.self)
    }
    let last = text?.split(separator: "\n").last.map { String($0.prefix(300)) }
    return last ?? "the child ended without a word (\(exit))"
  }
}
