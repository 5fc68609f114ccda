/// One optimizer step, as logged. Losses are means over the step's samples, prior weight not applied.
package struct StepMetrics: Codable, Equatable, Sendable {
  package var step: Int
  package var totalSteps: Int
  /// Instance loss + weight x prior loss: what was differentiated.
  package var loss: Float
  package var instanceLoss: Float
  package var priorLoss: Float?
  /// Global gradient norm before clipping.
  package var gradientNorm: Float
  package var learningRate: Float
  package var seconds: Double

  package init(
    step: Int, totalSteps: Int, loss: Float, instanceLoss: Float, priorLoss: Float?,
    gradientNorm: Float, learningRate: Float, seconds: Double
  ) {
    self.step = step
    self.totalSteps = totalSteps
    self.loss = loss
    self.instanceLoss = instanceLoss
    self.priorLoss = priorLoss
    self.gradientNorm = gradientNorm
    self.learningRate = learningRate
    self.seconds = seconds
  }
}
