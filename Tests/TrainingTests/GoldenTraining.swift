import Foundation
import Tensors
import TestSupport
import Testing
import Training

/// What the parity tests of training share: settings that a golden case says, and how its results are held against ours.
extension GoldenCase {
  func trainerSettings(steps: Int) throws -> Trainer.Settings {
    Trainer.Settings(
      totalSteps: steps,
      learningRate: LearningRateSchedule(rate: try field("learningRate")),
      adam: AdamW.Settings(
        beta1: try field("beta1"), beta2: try field("beta2"), epsilon: try field("epsilon"),
        weightDecay: try field("weightDecay")),
      maxGradientNorm: try field("maxGradientNorm"))
  }

  /// The bound of the project for training: 1e-4 on each loss (docs/NUMERICS.md). Norms see each gradient's error.
  func expectLogs(_ logs: [String: [Float]], _ file: String) throws {
    for (name, values) in logs.sorted(by: { $0.key < $1.key }) {
      let bound: Float = name == "gradientNorm" ? 1e-3 : 1e-4
      expectClose(
        Tensor(values, shape: [values.count]), try tensor("out", name), "\(file) \(name)",
        Tolerance(relative: bound, ofLargest: 0))
    }
  }

  /// AdamW divides by the gradient's own size, so where the true gradient is zero, rounding decides the direction of a
  /// single weight. All weights together have to go the reference's way.
  /// - Parameter before: the values of `trained` at the start, in its order
  func expectSameWay(_ trained: ParameterGroup, from before: [Tensor]) throws {
    var (difference, distance) = (0.0, 0.0)
    for (entry, first) in zip(trained.entries, before) {
      let expected = try tensor("out", "after.\(entry.key)").reshaped(entry.tensor.shape)
      difference += (entry.tensor.detached() - expected).sumOfSquares()
      distance += (expected - first).sumOfSquares()
    }
    #expect(distance > 0)
    #expect((difference / distance).squareRoot() < 0.02)
  }
}
