import Contract
import Diffusion
import Models
import Tensors
import Testing
import Weights

@Suite struct BlockWorkTests {
  /// Estimates are worked out where no model can be opened; what they count must be what the engine holds.
  @Test(arguments: [BlockWork.Learning.weights, .nothing], Precision.allCases)
  func `what a layer keeps for its backward pass is counted as the engine does`(
    learning: BlockWork.Learning, precision: Precision
  ) throws {
    let unet = try UNet2DConditionModel.random(.small, seed: 0)
    unet.parameters.setTrainable(learning == .weights)
    let (zt, context) = (Tensor.zeros([2, 16, 16, 4]), Tensor.zeros([2, 77, 128]))
    let found = withPrecision(precision.compute) {
      unet.layerMemory(zt, t: [1, 2], context: context)
    }
    let shapes = unet.parameters.map { ($0.key, $0.tensor.shape.dims) }
    let counted = NetworkWork(.unet, Dictionary(uniqueKeysWithValues: shapes), side: 16)
      .layers(learning, precision, samples: 2, tokens: 77)
    #expect(counted.inputs == found.inputs)
    for (layer, held) in found.kept.enumerated() {
      // Means of norms and what comes of the timestep are not counted: a few kilobytes at any size.
      let difference = abs(counted.kept[layer] - held)
      #expect(
        Double(difference) < 0.02 * Double(held) + 4096,
        "layer \(layer): \(counted.kept[layer]) counted, \(held) held")
    }
  }
}
