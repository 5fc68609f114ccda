/// The engine as the child process sees it: synchronous, one order, events answered by directives.
package protocol WorkEngine {
  /// Runs the order to its end, or to the point where a directive stops it.
  /// - Returns: the event `.finished`'s content; `nil` if a directive stopped the run first.
  func run(_ order: WorkOrder, onEvent: (WorkEvent) -> WorkDirective) throws(EngineError)
    -> WorkEvent.Finished?
}
