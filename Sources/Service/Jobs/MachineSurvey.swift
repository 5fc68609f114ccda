package import Contract
import Foundation
import Glibc
import Storage
import Synchronization

/// How fast this machine computes: asked of a child once, kept in the cache for this program, its instruction set and
/// number of threads.
package final class MachineSurvey: Sendable {
  private let configuration: JobsConfiguration
  private let folder: DataFolder
  private let running = Mutex<Task<MachineRates?, Never>?>(nil)
  private let child = Mutex<ChildProcess?>(nil)
  private let isStopped = Mutex(false)

  init(_ folder: DataFolder, _ configuration: JobsConfiguration) {
    (self.folder, self.configuration) = (folder, configuration)
  }

  /// - Parameters:
  ///   - instructionSet: that the child will use
  ///   - isBusy: a job computes at the same time: the figures hold for now only, and are not kept
  /// - Returns: nil if it could not be measured
  package func rates(instructionSet: String, isBusy: Bool) async -> MachineRates? {
    let file = file(instructionSet)
    if let kept = try? await BlockingIO.run({ Self.read(file) }) { return kept }
    let task = running.withLock { running in
      let task = running ?? Task { await self.measure(isBusy ? nil : file) }
      running = task
      return task
    }
    let rates = await task.value
    running.withLock { $0 = nil }
    return rates
  }

  /// Ends what is being measured: another start can measure it.
  func stop() {
    isStopped.withLock { $0 = true }
    child.withLock { $0?.signal(SIGKILL) }
  }

  private static func read(_ file: URL) -> MachineRates? {
    FileManager.default.contents(atPath: file.path).flatMap {
      try? ContractJSON.decoder().decode(MachineRates.self, from: $0)
    }
  }

  /// Another program may be faster or slower.
  private func file(_ instructionSet: String) -> URL {
    var status = stat()
    let program = stat(configuration.executable.path, &status) == 0 ? status.st_mtim.tv_sec : 0
    let name = "\(instructionSet) \(configuration.threads) \(program)"
    let key = FileHash.sha256(Data(name.utf8)).prefix(16)
    return folder.cache.appending(path: "rates-\(key).json")
  }

  private func measure(_ keep: URL?) async -> MachineRates? {
    let file = folder.temporary.appending(path: "rates.json")
    let arguments = [
      "--output", file.path, "--threads", "\(configuration.threads)",
    ]
    let launch = ChildProcess.Launch(
      executable: configuration.executable, arguments: configuration.ratesArguments + arguments,
      environment: configuration.childEnvironment)
    guard
      let child = try? await BlockingIO.run({
        try ChildProcess(launch, onEvents: { _ in }, onEnd: {})
      })
    else { return nil }
    self.child.withLock { $0 = child }
    defer { self.child.withLock { $0 = nil } }
    // Between the start of the child and now the service may have begun to stop.
    if isStopped.withLock({ $0 }) { child.signal(SIGKILL) }
    guard await child.exit() == .code(0) else { return nil }
    return try? await BlockingIO.run {
      defer { try? FileIO.remove(file) }
      let rates = Self.read(file)
      if rates != nil, let keep {
        try FileIO.createFolder(keep.deletingLastPathComponent())
        try FileIO.renameDurably(file, to: keep)
      }
      return rates
    }
  }
}
