package import Foundation
package import Tensors

/// A named leaf of a model. `fileKey` and `storedDType` are what the file said, for saving it alike.
package struct Parameter {
  package let key: String
  package let fileKey: String
  package let tensor: Tensor
  package let storedDType: StoredDType

  package init(key: String, fileKey: String, tensor: Tensor, storedDType: StoredDType) {
    (self.key, self.fileKey) = (key, fileKey)
    (self.tensor, self.storedDType) = (tensor, storedDType)
  }
}

/// The parameters of a model, sorted by key: the one order of optimizer, checkpoint and report.
package struct ParameterList: RandomAccessCollection {
  private let sorted: [Parameter]

  package init(_ parameters: some Sequence<Parameter>) {
    sorted = parameters.sorted { $0.key < $1.key }
  }

  package var startIndex: Int { sorted.startIndex }
  package var endIndex: Int { sorted.endIndex }
  package subscript(index: Int) -> Parameter { sorted[index] }
  package subscript(key: String) -> Tensor? { sorted.first { $0.key == key }?.tensor }

  /// Number of values in all tensors.
  package var valueCount: Int { sorted.reduce(0) { $0 + $1.tensor.count } }

  package func setTrainable(_ isTrainable: Bool) {
    for parameter in sorted { parameter.tensor.isTrainable = isTrainable }
  }

  /// Writes every parameter under the name it had in its file.
  /// - Parameter dtype: nil keeps each tensor's stored format
  package func save(
    to url: URL, dtype: StoredDType? = nil, metadata: [String: String] = ["format": "pt"]
  ) throws(WeightError) {
    var writer = SafetensorsWriter(metadata: metadata)
    for parameter in sorted {
      writer.add(parameter.fileKey, parameter.tensor, as: dtype ?? parameter.storedDType)
    }
    try writer.write(to: url)
  }
}
