package import Contract
package import Foundation
import Glibc
import Storage
import Synchronization

/// Runs attempts as children of this process.
package struct LocalRunner: JobRunner {
  private let configuration: JobsConfiguration

  package init(_ configuration: JobsConfiguration) { self.configuration = configuration }

  package func start(_ order: WorkOrder, log: URL) async throws -> any RunningAttempt {
    try await BlockingIO.run { try LocalAttempt(order, configuration, log: log) }
  }
}

private final class LocalAttempt: RunningAttempt {
  let messages: AsyncThrowingStream<WorkerMessage, any Error>
  private let child: ChildProcess

  init(_ order: WorkOrder, _ configuration: JobsConfiguration, log: URL) throws {
    let (messages, continuation) = AsyncThrowingStream<WorkerMessage, any Error>.makeStream()
    self.messages = messages
    let launch = ChildProcess.Launch(
      executable: configuration.executable, arguments: configuration.workerArguments,
      environment: configuration.childEnvironment, directory: order.attemptFolder, log: log,
      logLimit: configuration.logLimit)
    let reader = Mutex(LineReader(limit: 1 << 20))
    let line = try EventLine.encode(order)
    child = try ChildProcess(
      launch,
      onEvents: { bytes in
        do {
          for line in try reader.withLock({ reader throws in try reader.take(bytes) }) {
            continuation.yield(try EventLine.decode(WorkerMessage.self, from: line))
          }
        } catch {
          continuation.finish(throwing: error)
        }
      },
      onEnd: { continuation.finish() })
    child.send(line)
  }

  func send(_ directive: WorkDirective) {
    guard let line = try? EventLine.encode(directive) else { return }
    child.send(line)
  }

  func kill() { child.signal(SIGKILL) }

  func exit() async -> ChildExit { await child.exit() }
}
