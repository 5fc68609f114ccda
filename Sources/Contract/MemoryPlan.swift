/// How a run keeps within the memory it may take: chosen once at its start, kept in its checkpoints, told in its report.
package struct MemoryPlan: Codable, Equatable, Sendable {
  /// Bytes that the run may take, resident.
  package var budget: Int
  /// Bytes that a step is expected to take; above the budget where nothing more can be saved.
  package var expected: Int
  /// Each gradient is applied where the backward pass has finished it, so that no two large ones exist at a time.
  package var appliesGradientsAtOnce: Bool
  /// Layers of the U-Net that compute their activations again in the backward pass, numbered in the order of a
  /// forward pass.
  package var recomputedLayers: [Int]

  package init(
    budget: Int, expected: Int, appliesGradientsAtOnce: Bool, recomputedLayers: [Int]
  ) {
    (self.budget, self.expected) = (budget, expected)
    self.appliesGradientsAtOnce = appliesGradientsAtOnce
    self.recomputedLayers = recomputedLayers
  }
}
