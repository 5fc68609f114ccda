import Foundation
import Tensors
import Training
import Weights

/// Weights, moments and averages of a stage in one file.
struct StageState {
  let trainer: Trainer

  func save(to url: URL) throws {
    var writer = SafetensorsWriter()
    for (name, _, tensor) in tensors { writer.add(name, tensor) }
    try writer.write(to: url)
  }

  func load(_ url: URL) throws {
    let file = try SafetensorsFile(url)
    for (name, key, tensor) in tensors {
      let stored = try file.tensor(name)
      guard stored.shape == tensor.shape else {
        throw WeightError.shapeMismatch(
          key: key, expected: tensor.shape.dims, found: stored.shape.dims)
      }
      copy(stored, into: tensor)
    }
  }

  /// Puts the averaged weights, if there are any, in the place of the weights.
  func adoptAverage() {
    guard let average = trainer.average else { return }
    for (entry, mean) in zip(trainer.parameters.entries, average.averages) {
      copy(mean, into: entry.tensor)
    }
  }

  private var tensors: [(name: String, key: String, tensor: Tensor)] {
    let moments = trainer.optimizer.state
    return trainer.parameters.entries.enumerated().flatMap { i, entry in
      [
        ("weight.\(entry.key)", entry.key, entry.tensor),
        ("m.\(entry.key)", entry.key, moments.m[i]),
        ("v.\(entry.key)", entry.key, moments.v[i]),
      ] + (trainer.average.map { [("average.\(entry.key)", entry.key, $0.averages[i])] } ?? [])
    }
  }

  private func copy(_ source: Tensor, into target: Tensor) {
    source.withFloats { source in
      target.withMutableFloats { target in _ = target.update(fromContentsOf: source) }
    }
  }
}
