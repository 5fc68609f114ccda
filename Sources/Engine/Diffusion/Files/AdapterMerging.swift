import Models
package import Tensors
package import Weights

/// Low-rank updates added to the weights themselves, as inference wants them.
///
///     V = W + strength * alpha / rank * up down
///     W' = V, or magnitude * V / |V| with norms over all but the first axis
extension StableDiffusion {
  /// The layers that an adapter can change.
  package var adaptableLayers: AdaptableLayers {
    AdaptableLayers(unet: unet.parameters, textEncoder: textEncoder.parameters)
  }

  /// Changes the weights in memory; several adapters one after the other, in the order of the calls.
  /// - Throws: `.unused` with the paths that this model does not have
  package func apply(_ updates: LowRankUpdates, strength: Float = 1) throws(WeightError) {
    let weights = adaptableWeights
    let unknown = updates.keys.filter { weights[$0] == nil }.sorted()
    guard unknown.isEmpty else { throw .unused(keys: unknown) }
    for (path, update) in updates.sorted(by: { $0.key < $1.key }) {
      guard let weight = weights[path]?.tensor else { continue }
      let merged = update.merged(into: weight, strength: strength)
      weight.withMutableFloats { target in
        merged.withFloats { _ = target.update(fromContentsOf: $0) }
      }
    }
  }

  /// The parameters of a component with updates merged into copies; the model stays as it is.
  package func parameters(of component: String, with updates: LowRankUpdates) -> ParameterList {
    let own = component == "unet" ? unet.parameters : textEncoder.parameters
    let changed = Dictionary(
      uniqueKeysWithValues: adaptableWeights.compactMap { path, parameter in
        updates[path].map { (parameter.key, $0.merged(into: parameter.tensor, strength: 1)) }
          .flatMap { path.hasPrefix("\(component).") ? $0 : nil }
      })
    return ParameterList(
      own.map { parameter in
        Parameter(
          key: parameter.key, fileKey: parameter.fileKey,
          tensor: changed[parameter.key] ?? parameter.tensor, storedDType: parameter.storedDType)
      })
  }

  /// Matrices and kernels by the paths of `LowRankUpdates`.
  private var adaptableWeights: [String: Parameter] {
    var weights: [String: Parameter] = [:]
    for (component, parameters) in [
      ("unet", unet.parameters), ("text_encoder", textEncoder.parameters),
    ] {
      for parameter in parameters {
        guard let path = AdaptableLayers.layer(parameter) else { continue }
        weights["\(component).\(path)"] = parameter
      }
    }
    return weights
  }
}

extension LowRankUpdate {
  /// W' as a new tensor of W's shape.
  package func merged(into weight: Tensor, strength: Float) -> Tensor {
    withoutGradients {
      let v = added(to: weight, strength: strength)
      guard let magnitude else { return v.reshaped(weight.shape) }
      let factors = magnitude.detached() / Self.rowNorms(v)
      return (v * factors.reshaped([weight.shape[0], 1])).reshaped(weight.shape)
    }
  }

  /// Whether it changes nothing, as an adapter that never learned or lost its tensors does.
  package var hasNoEffect: Bool {
    magnitude == nil && (alpha == 0 || down.sumOfSquares() == 0 || up.sumOfSquares() == 0)
  }
}
