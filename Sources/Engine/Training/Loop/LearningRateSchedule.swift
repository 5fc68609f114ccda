/// Constant rate after a linear warm-up.
package struct LearningRateSchedule: Sendable {
  package let rate: Float
  package let warmupSteps: Int

  package init(rate: Float, warmupSteps: Int = 0) {
    self.rate = rate
    self.warmupSteps = warmupSteps
  }

  /// Rate of update `step`, counted from 1: rate * min(1, step / warmupSteps). Never 0.
  package func rate(at step: Int) -> Float {
    step < warmupSteps ? rate * Float(step) / Float(warmupSteps) : rate
  }
}
