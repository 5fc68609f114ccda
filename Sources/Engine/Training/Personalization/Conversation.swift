import Contract

/// Thrown where a directive ends the run; the last checkpoint is whole.
struct Stopped: Error {}

/// Events out, directives in. A directive is obeyed at the next step of whatever is going on.
final class Conversation {
  private let onEvent: (WorkEvent) -> WorkDirective
  /// A checkpoint was asked for before the next step could write it.
  private(set) var wantsCheckpoint = false
  /// `.suspend` waits for the checkpoint of the step in hand, where there is one to write.
  private(set) var wantsSuspension = false

  init(_ onEvent: @escaping (WorkEvent) -> WorkDirective) { self.onEvent = onEvent }

  /// - Parameter isTraining: a checkpoint can be written at this point, so a suspension waits for it
  func tell(_ event: WorkEvent, isTraining: Bool = false) throws {
    switch onEvent(event) {
    case .continue: return
    case .checkpoint: wantsCheckpoint = true
    case .suspend:
      guard isTraining else { throw Stopped() }
      wantsSuspension = true
    case .stop: throw Stopped()
    }
  }

  func checkpointWritten() throws {
    wantsCheckpoint = false
    if wantsSuspension { throw Stopped() }
  }
}
