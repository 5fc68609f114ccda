package import Tensors

/// The tensors that one optimizer changes, in the order of their keys.
package struct ParameterGroup {
  package struct Entry {
    package let key: String
    package let tensor: Tensor
  }

  package let entries: [Entry]

  /// Marks the tensors as trainable. Keys are those of the model's files, with the component in front
  /// (`unet.conv_in.weight`).
  package init(_ tensors: [(key: String, tensor: Tensor)]) {
    entries = tensors.sorted { $0.key < $1.key }.map { Entry(key: $0.key, tensor: $0.tensor) }
    precondition(Set(entries.map(\.key)).count == entries.count, "ParameterGroup: a key twice")
    for entry in entries { entry.tensor.isTrainable = true }
  }

  package var count: Int { entries.reduce(0) { $0 + $1.tensor.count } }

  package func clearGradients() {
    for entry in entries { entry.tensor.gradient = nil }
  }

  /// The key of the first tensor for which `value` is there and not finite.
  package func firstNonfinite(_ value: (Tensor) -> Tensor?) -> String? {
    entries.first { value($0.tensor)?.allFinite == false }?.key
  }
}
