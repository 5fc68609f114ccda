package import Contract
package import Foundation

/// Where attempts run. An order and a place for its output are all that is handed over; what comes back
/// are messages and an exit.
package protocol JobRunner: Sendable {
  func start(_ order: WorkOrder, log: URL) async throws -> any RunningAttempt
}

/// A started attempt.
package protocol RunningAttempt: Sendable {
  /// Messages in order. Ends when nothing more can come; throws at a line that is none.
  var messages: AsyncThrowingStream<WorkerMessage, any Error> { get }
  /// Says something to the child. Silence means `.continue`: directives are sent only when they differ.
  func send(_ directive: WorkDirective)
  /// Ends the child and all it started, without asking.
  func kill()
  /// Returns once the child is gone and its exit taken.
  func exit() async -> ChildExit
}

package enum ChildExit: Equatable, Sendable, CustomStringConvertible {
  case code(Int32)
  case signal(Int32)

  package var description: String {
    switch self {
    case .code(let code): "exit code \(code)"
    case .signal(let signal): "signal \(signal)"
    }
  }
}
