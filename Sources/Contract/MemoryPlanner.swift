/// Finds the fastest way through a step that fits into the memory there is.
///
///     peak = resident + gradients + inputs of all layers + most that the backward pass meets at one of them
///
/// Gradients are kept, for exact clipping, if that fits with every layer recomputed. Then as few layers as possible are
/// recomputed: those that keep most come first, of equals the later one.
package struct MemoryPlanner {
  /// What a process takes beside tensors: code, the kernels' scratch memory, freed memory not yet given back.
  package static let program = 300_000_000

  /// Bytes that are there whatever a step does: program, weights, moments, averages.
  package var resident: Int
  /// Bytes of all gradients, and of the largest few that one layer has.
  package var gradients: (all: Int, ofOneLayer: Int)
  /// Bytes that the layers hold between the passes: their inputs, which stay in any case, and what each keeps
  /// beside, unless it is recomputed. In the order of a forward pass.
  package var layers: (inputs: [Int], kept: [Int])
  /// More than one batch adds to the gradients.
  package var accumulates: Bool

  package init(
    resident: Int, gradients: (all: Int, ofOneLayer: Int),
    layers: (inputs: [Int], kept: [Int]), accumulates: Bool
  ) {
    (self.resident, self.gradients) = (resident, gradients)
    (self.layers, self.accumulates) = (layers, accumulates)
  }

  package func plan(budget: Int) -> MemoryPlan {
    let everything = Set(layers.kept.indices)
    let keeps = accumulates || peak(recomputing: everything, keepsGradients: true) <= budget
    let heaviest = layers.kept.indices.sorted { (layers.kept[$0], $0) > (layers.kept[$1], $1) }
    var chosen: Set<Int> = []
    for layer in heaviest {
      if peak(recomputing: chosen, keepsGradients: keeps) <= budget { break }
      chosen.insert(layer)
    }
    return MemoryPlan(
      budget: budget, expected: peak(recomputing: chosen, keepsGradients: keeps),
      appliesGradientsAtOnce: !keeps, recomputedLayers: chosen.sorted())
  }

  /// The backward pass frees what later layers kept before it comes to a layer; there, gradients of activations take as
  /// much as the activations.
  package func peak(recomputing: Set<Int>, keepsGradients: Bool) -> Int {
    var (before, most) = (0, 0)
    for (layer, kept) in layers.kept.enumerated() {
      if !recomputing.contains(layer) { before += kept }
      most = max(most, before + (recomputing.contains(layer) ? kept : 0) + kept)
    }
    return resident + (keepsGradients ? gradients.all : gradients.ofOneLayer)
      + layers.inputs.reduce(0, +) + most
  }
}
