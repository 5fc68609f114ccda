import Dispatch

/// Runs work that waits for the disk on a thread of its own kind, so that the cooperative pool never does.
package enum BlockingIO {
  private static let queue = DispatchQueue(label: "storage.io", attributes: .concurrent)

  package static func run<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result(catching: body)) }
    }
  }
}
