/// Everything that the starter model is a function of: sizes, steps, rates and the seed.
package struct StarterPlan: Codable, Equatable, Sendable {
  /// One training stage. Rates rise for `warmup` steps and fall along half a cosine.
  package struct Stage: Codable, Equatable, Sendable {
    package var steps: Int
    package var batch: Int
    package var learningRate: Float
    package var warmup = 100
    package var beta2: Float = 0.99
    package var weightDecay: Float = 0.01
    package var emaDecay: Float?
    package var checkpointEvery = 250
    /// Steps between two lines of progress.
    package var reportEvery = 50
    /// Steps between two sheets of samples.
    package var sampleEvery = 500
  }

  /// Draws of the weights, of the pictures and of the noise.
  package var seed: UInt64 = 1
  package var sizes = StarterSizes()
  package var autoencoder = Stage(
    steps: 3000, batch: 8, learningRate: 2e-3, weightDecay: 0, sampleEvery: 1000)
  package var textImage = Stage(steps: 1200, batch: 48, learningRate: 1e-3)
  package var encoders = Stage(steps: 1000, batch: 48, learningRate: 5e-4)
  package var denoiser = Stage(steps: 7000, batch: 32, learningRate: 1e-3, emaDecay: 0.999)
  /// Pictures whose latents the denoiser sees.
  package var pictures = 20_000
  /// Share of the samples that are trained without caption, for classifier-free guidance.
  package var captionDrop: Float = 0.1

  package init() {}
}
