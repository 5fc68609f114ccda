package import Tensors

/// Exponential moving average of the weights: average = decay * average + (1 - decay) * weight.
package final class WeightAverage {
  package let parameters: ParameterGroup
  package let decay: Float
  /// One per parameter and of its shape.
  package let averages: [Tensor]

  package init(_ parameters: ParameterGroup, decay: Float) {
    self.parameters = parameters
    self.decay = decay
    averages = parameters.entries.map { $0.tensor.copy() }
  }

  /// Forgets what was averaged: the weights as they are.
  package func restart() {
    for (entry, average) in zip(parameters.entries, averages) {
      average.withMutableFloats { average in
        entry.tensor.withFloats { weight in _ = average.update(fromContentsOf: weight) }
      }
    }
  }

  package func update() {
    for (entry, average) in zip(parameters.entries, averages) {
      average.withMutableFloats { average in
        entry.tensor.withFloats { weight in
          for i in average.indices { average[i] += (1 - decay) * (weight[i] - average[i]) }
        }
      }
    }
  }

  /// Runs `body` with the averages in the place of the weights, and puts the weights back.
  package func inPlace<R>(_ body: () throws -> R) rethrows -> R {
    exchange()
    defer { exchange() }
    return try body()
  }

  private func exchange() {
    for (entry, average) in zip(parameters.entries, averages) {
      entry.tensor.withMutableFloats { weight in
        average.withMutableFloats { average in
          for i in weight.indices { swap(&weight[i], &average[i]) }
        }
      }
    }
  }
}
