import Synchronization

/// Says once, to any thread, that work is no longer wanted.
final class StopFlag: Sendable {
  private let raised = Atomic<Bool>(false)

  var isSet: Bool { raised.load(ordering: .acquiring) }
  func set() { raised.store(true, ordering: .releasing) }
}
