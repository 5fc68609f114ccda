import Foundation
import Tensors
import Training
import Weights

/// Weights, moments and averages of a stage in one file.
struct StageState {
  let trainer: Trainer

  func save(to url: URL) throws {
    var writer = SafetensorsWriter()
    for (name, tensor) in tensors { writer.add(name, tensor) }
    trainer.optimizer.save(to: &writer)
    try writer.write(to: url)
  }

  func load(_ url: URL) throws {
    let file = try SafetensorsFile(url)
    for (name, tensor) in tensors { try file.read(name, into: tensor) }
    try trainer.optimizer.load(file)
  }

  /// Puts the averaged weights, if there are any, in the place of the weights.
  func adoptAverage() {
    guard let average = trainer.average else { return }
    for (entry, mean) in zip(trainer.parameters.entries, average.averages) {
      mean.withFloats { mean in
        entry.tensor.withMutableFloats { weight in _ = weight.update(fromContentsOf: mean) }
      }
    }
  }

  private var tensors: [(name: String, tensor: Tensor)] {
    trainer.parameters.entries.enumerated().flatMap { i, entry in
      [("weight.\(entry.key)", entry.tensor)]
        + (trainer.average.map { [("average.\(entry.key)", $0.averages[i])] } ?? [])
    }
  }
}
