import Contract
import Models
import Tensors
import Testing
import Weights

@Suite struct BlockWorkTests {
  /// Estimates are worked out where no model can be opened; what they count must be what the engine holds.
  @Test(arguments: [BlockWork.Learning.weights, .nothing])
  func `what a layer keeps for its backward pass is counted as the engine does`(
    learning: BlockWork.Learning
  ) throws {
    let unet = try UNet2DConditionModel.random(.small, seed: 0)
    unet.parameters.setTrainable(learning == .weights)
    let (zt, context) = (Tensor.zeros([2, 16, 16, 4]), Tensor.zeros([2, 77, 128]))
    let found = unet.layerMemory(zt, t: [1, 2], context: context)
    let shapes = unet.parameters.map { ($0.key, $0.tensor.shape.dims) }
    let counted = NetworkWork(.unet, Dictionary(uniqueKeysWithValues: shapes), side: 16)
      .layers(learning, samples: 2, tokens: 77)
    #expect(counted.inputs == found.inputs)
    for (layer, held) in found.kept.enumerated() {
      #expect(
        abs(Double(counted.kept[layer]) / Double(held) - 1) < 0.05,
        "layer \(layer): \(counted.kept[layer]) counted, \(held) held")
    }
  }
}
