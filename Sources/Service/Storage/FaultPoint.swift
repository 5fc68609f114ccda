package import Foundation
import Synchronization

/// Where tests make a system call fail: a shortage or a broken disk cannot be had on demand. Nothing is
/// armed in the service, and then a call costs one relaxed load.
package enum FaultPoint {
  package enum Call: String, CaseIterable, Sendable {
    case open, read, write, sync, rename, spawn, database
  }

  /// - Returns: the `errno` with which this call on this path is to fail; `nil` lets it through
  package typealias Plan = @Sendable (_ call: Call, _ path: String) -> Int32?

  private static let armed = Atomic<Int>(0)
  private static let plans = Mutex<[String: Plan]>([:])

  /// Arms a plan for every path below `root`, or disarms it.
  package static func arm(under root: URL, _ plan: Plan?) {
    plans.withLock { plans in
      plans[root.standardizedFileURL.path] = plan
      armed.store(plans.count, ordering: .releasing)
    }
  }

  package static func code(_ call: Call, _ path: String) -> Int32? {
    guard armed.load(ordering: .relaxed) > 0 else { return nil }
    let plan = plans.withLock { plans in plans.first { path.hasPrefix($0.key) }?.value }
    return plan?(call, path)
  }
}
