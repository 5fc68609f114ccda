import Contract
import Evaluation
import Imaging

/// CLIP-I and CLIP-T of previews against the photos of the subject that each shows.
struct FidelityRun {
  private let runs: [EvaluationRun]

  init(_ encoder: CLIPFeatures, _ photos: InstanceDataset) {
    let subjects = Set(photos.photos.map(\.subject)).sorted()
    runs = subjects.map { subject in
      let pairs = zip(photos.photos, photos.pictures).filter { $0.0.subject == subject }
      return EvaluationRun(encoder, real: pairs.map(\.1))
    }
  }

  var encoderName: String { runs[0].encoderName }

  /// Means over the subjects, each with as many previews.
  func row(step: Int, _ previews: [PreviewSampler.Preview]) -> WorkReport.Evaluation.Row {
    let rows = runs.enumerated().map { subject, run in
      let own = previews.filter { $0.subject == subject }
      return run.row(step: step, pictures: own.map(\.pixels), texts: own.map(\.text))
    }
    return WorkReport.Evaluation.Row(
      step: step, clipImage: rows.reduce(0) { $0 + $1.clipImage } / Float(rows.count),
      clipText: rows.reduce(0) { $0 + $1.clipText } / Float(rows.count),
      samples: previews.count)
  }
}
