import Foundation
import Models
import Tensors

/// Trains the text encoder together with a picture encoder (Radford et al., 2103.00020): in a batch, each
/// caption is to find its picture and each picture its caption.
///
///     loss = (crossEntropy(L, diagonal) + crossEntropy(L^T, diagonal)) / 2,   L = s text image^T
///
/// The scale s is held: with a few hundred different captions it would grow until equal captions of one
/// batch tear at each other.
struct TextImageStage {
  static let name = "text-image"
  /// Logarithm of s.
  static let logitScale: Float = 3

  let workshop: StarterWorkshop

  /// - Returns: whether the stage is finished
  func run() throws -> Bool {
    if try workshop.isDone(Self.name) { return true }
    let plan = workshop.plan
    let clip = try CLIPModel.random(plan.sizes.clip, seed: plan.seed &+ 1)
    let world = ToyGrammar(seed: plan.seed &+ 1)
    let stage = plan.textImage
    let run = StageRun(name: Self.name, stage: stage, workshop: workshop)
    let isFinished = try run.train(clip.parameters) { step in
      let first = (step - 1) * stage.batch
      let logits = logits(of: clip, (first..<first + stage.batch).map(world.example))
      let diagonal = Array(0..<stage.batch)
      return
        (crossEntropy(logits, targets: diagonal)
        + crossEntropy(logits.transposed(axes: [1, 0]), targets: diagonal)) * 0.5
    } sample: { _ in
      let hits = hits(of: clip, Self.heldOut.map(world.example))
      workshop.log(String(format: "%@ held-out captions found %.1f %%", Self.name, 100 * hits))
    }
    if isFinished { try workshop.save(clip.parameters, as: Self.name) }
    return isFinished
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
      return best.map { examples[$0].photo.agrees(with: examples[picture].photo) } ?? false
    }
    return Double(right.count) / Double(count)
  }
}

extension ToyPhoto {
  /// Same class, colour and scene: what a caption can tell.
  func agrees(with other: ToyPhoto) -> Bool {
    toy == other.toy && scene == other.scene && coat.base == other.coat.base
  }
}
