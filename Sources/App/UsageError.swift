import Weights

/// Unusable arguments or input: exit code 2, one line that says what, where, and what would be right.
struct UsageError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }

  /// Runs `body`. A model or file that cannot be used is unusable input; a failed write is not.
  static func forInput<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as WeightError {
      if case .writeFailed = error { throw error }
      throw UsageError(error.description)
    }
  }
}
