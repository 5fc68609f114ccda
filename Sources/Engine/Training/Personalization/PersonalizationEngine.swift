package import Contract
import Tensors

/// Fine-tunes a base model to a subject, as the order says: from photos to samples, artifact and report.
package struct PersonalizationEngine: WorkEngine {
  package init() {}

  package func run(
    _ order: WorkOrder, onEvent: (WorkEvent) -> WorkDirective
  ) throws(EngineError) -> WorkEvent.Finished? {
    do {
      ThreadTeam.use(order.threads)
      return try withoutActuallyEscaping(onEvent) { onEvent in
        try PersonalizationRun(order, Conversation(onEvent)).finish()
      }
    } catch is Stopped {
      return nil
    } catch {
      throw EngineError(describing: error)
    }
  }
}
