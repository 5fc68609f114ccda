package import Foundation
import Tensors

/// Gathers our parameters into one file of another layout.
package struct ForeignWriter {
  private var whole: [String: (tensor: Tensor, dtype: StoredDType)] = [:]
  private var thirds: [String: [(tensor: Tensor, dtype: StoredDType)?]] = [:]

  package init() {}

  /// - Parameter dtype: nil keeps each tensor's stored format
  package mutating func add(
    _ parameters: ParameterList, _ places: TensorPlaces, dtype: StoredDType? = nil
  ) {
    for parameter in parameters {
      guard let place = places[parameter.key] else {
        preconditionFailure("ForeignWriter: no place for '\(parameter.key)'")
      }
      let dtype = dtype ?? parameter.storedDType
      if let third = place.third {
        thirds[place.key, default: [nil, nil, nil]][third] = (parameter.tensor, dtype)
      } else {
        let tensor = parameter.tensor.detached()
        let shape = Shape(tensor.shape.dims + (place.isKernel ? [1, 1] : []))
        whole[place.key] = (
          place.isKernel ? withoutGradients { tensor.reshaped(shape) } : tensor, dtype
        )
      }
    }
  }

  package func write(to url: URL, metadata: [String: String]) throws(WeightError) {
    var writer = SafetensorsWriter(metadata: metadata)
    for (key, item) in whole { writer.add(key, item.tensor, as: item.dtype) }
    for (key, parts) in thirds {
      let parts = parts.compactMap(\.self)
      precondition(parts.count == 3, "ForeignWriter: '\(key)' lacks a third")
      let first = parts[0].tensor.shape
      let isUniform = parts.allSatisfy { $0.dtype == parts[0].dtype }
      writer.add(
        key,
        Tensor(
          parts.flatMap(\.tensor.values), shape: Shape([3 * first[0]] + first.dims.dropFirst())),
        as: isUniform ? parts[0].dtype : .f32)
    }
    try writer.write(to: url)
  }
}
