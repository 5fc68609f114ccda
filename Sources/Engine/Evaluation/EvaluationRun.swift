package import Contract
package import Imaging

/// CLIP-I and CLIP-T of the pictures of one training step; the base model is step 0.
package struct EvaluationRun {
  private let encoder: CLIPFeatures
  private let image: CLIPImageScore

  /// - Parameter real: the photos of the subject, as trained on
  package init(_ encoder: CLIPFeatures, real: [PixelBuffer]) {
    self.encoder = encoder
    image = CLIPImageScore(real: encoder.images(real))
  }

  package var encoderName: String { encoder.name }

  /// - Parameters:
  ///   - pictures: generated pictures
  ///   - texts: the prompt of each, the identifier dropped
  package func row(step: Int, pictures: [PixelBuffer], texts: [String])
    -> WorkReport.Evaluation.Row
  {
    let generated = encoder.images(pictures)
    return WorkReport.Evaluation.Row(
      step: step, clipImage: image(generated),
      clipText: CLIPTextScore.score(generated, texts: encoder.texts(texts)),
      samples: pictures.count)
  }

  /// Metrics of the field that this version does not compute, each with the reason.
  package static let absent = [
    "dino": "no DINO encoder is part of this version",
    "pres": "needs the DINO encoder",
    "div": "needs a perceptual encoder (LPIPS)",
  ]

  /// What is absent besides when the order names no encoder pair.
  package static let absentWithoutEncoder = [
    "clip_i": "no CLIP encoder pair was given", "clip_t": "no CLIP encoder pair was given",
  ]
}
