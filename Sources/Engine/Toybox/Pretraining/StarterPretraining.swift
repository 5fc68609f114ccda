/// The order of the stages: each needs the finished parts of those before it.
package struct StarterPretraining {
  package enum Stage: String, CaseIterable, Sendable {
    case autoencoder
    case textImage = "text-image"
    case encoders
    case denoiser
    case export
  }

  let workshop: StarterWorkshop

  package init(_ workshop: StarterWorkshop) { self.workshop = workshop }

  /// Runs the given stages in their order; a finished one is passed over.
  ///
  /// - Returns: the stage that the workshop's time ended in, or nil when all are finished
  package func run(_ stages: Set<Stage>) throws -> Stage? {
    for stage in Stage.allCases where stages.contains(stage) {
      guard try run(stage) else { return stage }
    }
    return nil
  }

  private func run(_ stage: Stage) throws -> Bool {
    switch stage {
    case .autoencoder: return try AutoencoderStage(workshop: workshop).run()
    case .textImage: return try TextImageStage(workshop: workshop).run()
    case .encoders:
      return try TextImageStage(workshop: workshop, course: .individuals).run()
    case .denoiser: return try DenoiserStage(workshop: workshop).run()
    case .export:
      try StarterExport(workshop).run()
      return true
    }
  }
}
