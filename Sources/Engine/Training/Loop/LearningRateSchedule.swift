import Foundation

/// Linear warm-up, then a constant rate, or half a cosine down to zero.
package struct LearningRateSchedule: Sendable {
  package let rate: Float
  package let warmupSteps: Int
  /// Update at which the rate reaches zero; nil keeps it.
  package let decaySteps: Int?

  package init(rate: Float, warmupSteps: Int = 0, decaySteps: Int? = nil) {
    self.rate = rate
    self.warmupSteps = warmupSteps
    self.decaySteps = decaySteps
  }

  /// Rate of update `step`, counted from 1: rate * min(1, step / warmupSteps), never 0; with decay times
  /// (1 + cos(pi (step - 1) / decaySteps)) / 2.
  package func rate(at step: Int) -> Float {
    let warm = step < warmupSteps ? rate * Float(step) / Float(warmupSteps) : rate
    guard let decaySteps else { return warm }
    let progress = min(1, Double(step - 1) / Double(decaySteps))
    return warm * Float(0.5 * (1 + cos(.pi * progress)))
  }
}
