import Contract
import Foundation

/// Turns step metrics into an occasional line of progress: mean loss, speed, time left.
struct StageMeter {
  let name: String
  let stage: StarterPlan.Stage
  private var losses: [Float] = []
  private var seconds = 0.0

  init(name: String, stage: StarterPlan.Stage) {
    (self.name, self.stage) = (name, stage)
  }

  /// - Returns: a line every `reportEvery` steps
  mutating func add(_ metrics: StepMetrics) -> String? {
    losses.append(metrics.loss)
    seconds += metrics.seconds
    guard metrics.step % stage.reportEvery == 0 || metrics.step == stage.steps else { return nil }
    defer { (losses, seconds) = ([], 0) }
    let loss = losses.reduce(0, +) / Float(losses.count)
    let perStep = seconds / Double(losses.count)
    let left = Int(Double(stage.steps - metrics.step) * perStep)
    return String(
      format: "%@ step %d/%d  loss %.4f  gradient %.2f  rate %.2e  %.1f samples/s  %d:%02d left",
      name,
      metrics.step, stage.steps, loss, metrics.gradientNorm, metrics.learningRate,
      Double(stage.batch) / perStep, left / 60, left % 60)
  }
}
