import Contract
import HTTP
import Storage

extension APIContext {
  /// Refuses a job that needs more memory than this machine can give, and says which changes would fit.
  /// - Parameter side: of the training pictures in pixels
  func requireMemory(_ recipe: TrainingRecipe, model: String, side: Int) throws(Problem) {
    let shapes = BaseModelShapes(shelf.folder(model))
    let needed = MemoryEstimate(recipe, shapes, side: side, budget: 0)
    guard needed.peak > memory else { return }
    let fitting = Self.changes(of: recipe, side: side).compactMap { change -> String? in
      let estimate = MemoryEstimate(change.recipe, shapes, side: change.side, budget: 0)
      guard estimate.peak <= memory else { return nil }
      return "\(change.name) \(Self.gigabytes(estimate.peak))"
    }
    let advice =
      fitting.isEmpty
      ? "no smaller job on this base model would fit; take a smaller one"
      : "would fit: \(fitting.joined(separator: "; "))"
    throw Problem(
      .willNotFit,
      "\(recipe.method.rawValue) on \(model) at \(side) px needs about "
        + "\(Self.gigabytes(needed.peak)) (while \(needed.peakPhase.rawValue)), this machine can give "
        + "\(Self.gigabytes(memory)); \(advice)",
      errors: [
        .init(pointer: "/base_model", code: "will_not_fit", message: "too large for this machine")
      ])
  }

  private typealias Change = (name: String, recipe: TrainingRecipe, side: Int)

  /// What a user could ask for instead, what costs least first.
  private static func changes(of recipe: TrainingRecipe, side: Int) -> [Change] {
    func changed(_ change: (inout TrainingRecipe) -> Void) -> TrainingRecipe {
      var copy = recipe
      change(&copy)
      return copy
    }
    var changes: [Change] = []
    if recipe.training.moments == .f32, recipe.method == .dreambooth {
      changes.append(("optimizer_moments 8bit", changed { $0.training.moments = .eightBit }, side))
    }
    if recipe.training.batchSize > 1 {
      changes.append(("batch_size 1", changed { $0.training.batchSize = 1 }, side))
    }
    if recipe.prior.enabled, !recipe.prior.source.hasPictures {
      changes.append(("prior source generate", changed { $0.prior.source = .generate }, side))
    }
    if side >= 512 { changes.append(("resolution \(side / 2)", recipe, side / 2)) }
    if !recipe.method.trainsAdapters {
      let lora = changed {
        $0.method = .lora
        $0.trainTextEncoder = false
        $0.training.emaDecay = nil
        $0.prior.enabled = false
      }
      changes.append(("method lora", lora, side))
    }
    return changes
  }

  /// `14.2 GB`
  private static func gigabytes(_ bytes: Int) -> String {
    bytes < 50_000_000 ? "\(bytes) bytes" : "\((Double(bytes) / 1e8).rounded() / 10) GB"
  }
}
