package import Tensors

/// Which layers of a U-Net's arms keep nothing but their inputs for the backward pass and run again there (see
/// `recompute`): about a third more time if all do, for most of the activations' memory.
///
/// Layers are residual blocks and transformers, numbered in the order in which a forward pass runs them.
package enum Recomputation: Equatable, Sendable {
  case none
  case all
  case layers(Set<Int>)

  package func includes(_ layer: Int) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .layers(let numbers): numbers.contains(layer)
    }
  }
}

/// Bytes that the layers of a U-Net hold between the forward and the backward pass.
package struct LayerMemory: Equatable, Sendable {
  /// Inputs of each layer, which stay in any case.
  package var inputs: [Int] = []
  /// What each layer keeps beside its input and result, unless it is recomputed.
  package var kept: [Int] = []

  package init() {}
}

extension UNet2DConditionModel {
  /// Runs every layer once with history, one at a time, and looks at what it holds.
  package func layerMemory(_ zt: Tensor, t: [Float], context: Tensor) -> LayerMemory {
    let census = LayerCensus()
    withoutGradients { _ = predict(zt, t: t, context: context, census: census) }
    return census.memory
  }
}

/// Measures layers instead of joining their histories.
final class LayerCensus {
  private(set) var memory = LayerMemory()

  func run(_ inputs: [Tensor], _ layer: ([Tensor]) -> Tensor) -> Tensor {
    let twins = inputs.map { input in
      let twin = input.detached()
      twin.isTrainable = true
      return twin
    }
    let before = TensorMemory.liveBytes
    let y = recordingHistory { layer(twins) }
    memory.inputs.append(inputs[0].count * inputs[0].dtype.bytes)
    memory.kept.append(TensorMemory.liveBytes - before - y.count * y.dtype.bytes)
    return y.detached()
  }
}
