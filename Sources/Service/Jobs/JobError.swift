import Glibc
package import Storage

/// Why the queue refuses a request, or why an attempt could not be made.
package enum JobError: Error, Equatable, CustomStringConvertible {
  case notFound(String)
  /// Nothing leaves a final state.
  case final(id: String, status: JobState)
  /// Only what has ended can be tried again.
  case notFinal(id: String, status: JobState)
  /// There are no examined photos that another job could use.
  case photosUnavailable(id: String, status: JobState)
  case draining
  case queueFull(limit: Int)
  case tooManyDryRuns(limit: Int)
  case tooManyPixels(limit: Int)
  case diskLow(free: Int64, needed: Int64)
  /// `code` is the `errno`.
  case spawn(executable: String, code: Int32)
  case notWritable(StorageError)
  case artifactMismatch(file: String, detail: String)

  /// Whether the same may succeed later.
  package var isPassing: Bool {
    if case .spawn(_, let code) = self { return Shortage.isShortage(code) || code == EIO }
    return false
  }

  var isTooManyPixels: Bool {
    if case .tooManyPixels = self { return true }
    return false
  }

  package var description: String {
    switch self {
    case .notFound(let id): "there is no job \(id)"
    case .final(let id, let status): "job \(id) is \(status.rawValue), and nothing changes that"
    case .notFinal(let id, let status):
      "job \(id) is \(status.rawValue); only a job that has ended can be tried again"
    case .photosUnavailable(let id, let status):
      status == .validating
        ? "the photos of job \(id) are still being looked at; try again in a moment"
        : "no photo of job \(id) was accepted; post a new job with others"
    case .draining: "the service is stopping and takes no new work; try again after its restart"
    case .queueFull(let limit): "\(limit) jobs are waiting, which is the limit; try again later"
    case .tooManyDryRuns(let limit):
      "\(limit) dry runs are under way, which is the limit; try again shortly"
    case .tooManyPixels(let limit):
      "the pictures have more than \(limit / 1_000_000) million pixels together, which is the limit of "
        + "one request; send fewer or smaller ones"
    case .diskLow(let free, let needed):
      "\(free) bytes are free where \(needed) are needed; free space and try again"
    case .spawn(_, let code):
      "a child process cannot be started: \(String(cString: strerror(code)))"
    case .notWritable(let error): "nothing can be stored: \(error)"
    case .artifactMismatch(let file, let detail):
      "\(file) is not what the worker announced: \(detail)"
    }
  }
}
