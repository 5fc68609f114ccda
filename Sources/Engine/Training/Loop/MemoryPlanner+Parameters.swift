package import Contract
package import Models
import Tensors

extension MemoryPlanner {
  /// For a trainer that does not exist yet, over everything that does.
  /// - Parameter beside: bytes that will come to exist with it
  package init(
    _ parameters: ParameterGroup, _ layers: LayerMemory, hasCompactMoments: Bool,
    hasAverage: Bool = false, accumulates: Bool = false, beside: Int = 0
  ) {
    let (all, largest) = (parameters.count, parameters.entries.map(\.tensor.count).max() ?? 0)
    let moments = all * ((hasCompactMoments ? 2 : 8) + (hasAverage ? 4 : 0))
    self.init(
      resident: Self.program + TensorMemory.liveBytes + moments + beside,
      gradients: (all: 4 * all, ofOneLayer: 8 * largest),
      layers: (layers.inputs, layers.kept), accumulates: accumulates)
  }
}
