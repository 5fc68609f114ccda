/// Ranges that API and command line share. A value outside gets an error that states the range.
package enum RecipeLimits {
  package struct Range<Value: Comparable & Sendable>: Sendable {
    package let minimum: Value
    package let maximum: Value
    package init(minimum: Value, maximum: Value) {
      self.minimum = minimum
      self.maximum = maximum
    }
    package func contains(_ value: Value) -> Bool { value >= minimum && value <= maximum }
  }

  /// How long a text is: Unicode code points, as JSON Schema counts them. What a reader sees as one character may
  /// hold any number of them.
  package static func length(of text: some StringProtocol) -> Int { text.unicodeScalars.count }

  package static let steps = Range(minimum: 1, maximum: 100_000)
  package static let learningRate = Range<Float>(minimum: 1e-9, maximum: 1)
  package static let batchSize = Range(minimum: 1, maximum: 64)
  package static let gradientAccumulation = Range(minimum: 1, maximum: 64)
  package static let warmupSteps = Range(minimum: 0, maximum: 100_000)
  package static let priorImages = Range(minimum: 1, maximum: 10_000)
  package static let priorWeight = Range<Float>(minimum: 0, maximum: 100)
  package static let samplerSteps = Range(minimum: 1, maximum: 1000)
  package static let guidance = Range<Float>(minimum: 0, maximum: 50)
  package static let seed = Range<UInt64>(minimum: 0, maximum: (1 << 53) - 1)
  package static let unitInterval = Range<Float>(minimum: 0, maximum: 0.999999)
  package static let maxGradientNorm = Range<Float>(minimum: 1e-6, maximum: 1e6)
  package static let checkpointEvery = Range(minimum: 1, maximum: 100_000)
  package static let keepCheckpoints = Range(minimum: 1, maximum: 100)
  package static let sampleEvery = Range(minimum: 0, maximum: 100_000)
  package static let samplePrompts = Range(minimum: 1, maximum: 16)
  package static let sampleSeeds = Range(minimum: 1, maximum: 16)
  package static let promptLength = Range(minimum: 1, maximum: 1000)
  package static let nounLength = Range(minimum: 1, maximum: 64)
  package static let identifierLength = Range(minimum: 1, maximum: 32)
  package static let resolution = Range(minimum: 16, maximum: 2048)
  package static let images = Range(minimum: 1, maximum: 63)
  package static let nameLength = Range(minimum: 1, maximum: 200)
  package static let priority = Range(minimum: -100, maximum: 100)
  package static let rank = Range(minimum: 1, maximum: 1024)
  package static let alpha = Range<Float>(minimum: 0, maximum: 4096)
  package static let vectors = Range(minimum: 1, maximum: 32)
  package static let pull = Range<Float>(minimum: 0, maximum: 100)
  package static let minSnrGamma = Range<Float>(minimum: 0.01, maximum: 1000)
  package static let offsetNoise = Range<Float>(minimum: 0, maximum: 1)
  package static let weightOutsideMask = Range<Float>(minimum: 0, maximum: 1)
  package static let consistencyBeta = Range<Float>(minimum: 0.001, maximum: 1e6)
  package static let subjects = Range(minimum: 1, maximum: 8)
  package static let captionLength = Range(minimum: 1, maximum: 1000)
  package static let identifierCandidates = Range(minimum: 1, maximum: 20)
  package static let attempts = Range(minimum: 1, maximum: 10)
}
