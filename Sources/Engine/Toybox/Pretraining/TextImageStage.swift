import Foundation
import Models
import Tensors
import Weights

/// Trains the text encoder together with a picture encoder (Radford et al., 2103.00020): in a batch, each
/// caption is to find its picture and each picture its caption.
///
///     loss = (crossEntropy(L, diagonal) + crossEntropy(L^T, diagonal)) / 2,   L = s text image^T
///
/// The scale s is held: with a few hundred different captions it would grow until equal captions of one
/// batch tear at each other.
struct TextImageStage {
  /// What the pair is trained on.
  enum Course {
    /// The captions and pictures that the denoiser will see; its text encoder is the one of this course.
    case captions
    /// Goes on from there with toys of any coat as well, described word by word or not at all: the pair
    /// learns to tell individuals apart, and that "a dog" is true of each. Reports measure with it.
    case individuals
  }

  /// Logarithm of s.
  static let logitScale: Float = 3

  let workshop: StarterWorkshop
  var course = Course.captions

  var name: String { Self.name(of: course) }

  static func name(of course: Course) -> String {
    switch course {
    case .captions: "text-image"
    case .individuals: "encoders"
    }
  }

  /// - Returns: whether the stage is finished
  func run() throws -> Bool {
    if try workshop.isDone(name) { return true }
    let plan = workshop.plan
    let clip = try first()
    let stage = course == .captions ? plan.textImage : plan.encoders
    let run = StageRun(name: name, stage: stage, workshop: workshop)
    let isFinished = try run.train(clip.parameters) { step in
      let first = (step - 1) * stage.batch
      let logits = logits(of: clip, (first..<first + stage.batch).map(example))
      let diagonal = Array(0..<stage.batch)
      return
        (crossEntropy(logits, targets: diagonal)
        + crossEntropy(logits.transposed(axes: [1, 0]), targets: diagonal)) * 0.5
    } sample: { _ in
      let hits = hits(of: clip, Self.heldOut.map(example))
      workshop.log(String(format: "%@ held-out captions found %.1f %%", name, 100 * hits))
    }
    if isFinished { try workshop.save(clip.parameters, as: name) }
    return isFinished
  }

  /// The pair before training.
  private func first() throws -> CLIPModel {
    let config = workshop.plan.sizes.clip
    switch course {
    case .captions: return try CLIPModel.random(config, seed: workshop.plan.seed &+ 1)
    case .individuals:
      return try CLIPModel(workshop.ledger(of: Self.name(of: .captions)).root, config: config)
    }
  }

  private func example(_ index: Int) -> ToyExample {
    let seed = workshop.plan.seed
    switch course {
    case .captions: return ToyGrammar(seed: seed &+ 1).example(index)
    case .individuals:
      let world = ToyGrammar(seed: seed &+ 3)
      return index % 2 == 0 ? world.example(index) : world.anyExample(index)
    }
  }

  private static let heldOut = (1 << 28)..<(1 << 28) + 200

  /// - Returns: one row per caption, `[B, B]`
  private func logits(of clip: CLIPModel, _ examples: [ToyExample]) -> Tensor {
    let side = workshop.plan.sizes.side
    let pictures = examples.map { ToyRenderer.render($0.photo, side: side) }
    return clip.logits(
      text: clip.embedText(examples.map { StarterTokenizer.tokenizer.encode($0.caption) }),
      image: clip.embedImage(ToyPictures.tensor(pictures)))
  }

  /// Share of the pictures whose best caption of all is true of them.
  private func hits(of clip: CLIPModel, _ examples: [ToyExample]) -> Double {
    let scores = logits(of: clip, examples).values
    let count = examples.count
    let right = (0..<count).filter { picture in
      let best = (0..<count).max { scores[$0 * count + picture] < scores[$1 * count + picture] }
      return best.map { ToyCaption.isTrue(examples[$0].caption, of: examples[picture].photo) }
        ?? false
    }
    return Double(right.count) / Double(count)
  }
}
