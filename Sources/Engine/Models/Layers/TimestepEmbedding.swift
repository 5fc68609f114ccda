import Foundation
package import Tensors
package import Weights

/// Sinusoidal features of the timestep, then two linear layers:
///
///     y = linear_2(silu(linear_1([cos(t f), sin(t f)])))        f_i = 10000^(-i / (C/2))
///
/// Cosine first, frequency shift 0. Must match `diffusers.models.embeddings.Timesteps` followed by
/// `TimestepEmbedding`.
package struct TimestepEmbedding {
  let channels: Int
  let linear1: Linear
  let linear2: Linear

  package init(_ w: WeightScope, from channels: Int, to width: Int) throws(WeightError) {
    self.channels = channels
    linear1 = try Linear(w / "linear_1", from: channels, to: width)
    linear2 = try Linear(w / "linear_2", from: width, to: width)
  }

  /// - Parameter t: timesteps, one for each sample; samplers also ask between whole steps
  /// - Returns: time embedding, `[B, D]`
  package func callAsFunction(_ t: [Float]) -> Tensor {
    linear2(silu(linear1(sinusoids(t))))
  }

  /// `[B, C]`
  private func sinusoids(_ t: [Float]) -> Tensor {
    let half = channels / 2
    let frequencies = (0..<half).map { exp(-logf(10_000) * Float($0) / Float(half)) }
    let rows = t.flatMap { t in
      frequencies.map { cos(t * $0) } + frequencies.map { sin(t * $0) }
    }
    return Tensor(rows, shape: [t.count, channels])
  }
}
