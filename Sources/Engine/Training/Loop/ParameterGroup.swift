package import Tensors

/// The tensors that one optimizer changes, in the order of their keys.
package struct ParameterGroup {
  package struct Entry {
    package let key: String
    package let tensor: Tensor
    /// Own rate over the rate of the run.
    package let rateFactor: Float
    /// Last step in which it learns; nil: it learns to the end.
    package let untilStep: Int?
  }

  package let entries: [Entry]

  /// Marks the tensors as trainable. Keys are those of the model's files, with the component in front
  /// (`unet.conv_in.weight`).
  package init(
    _ tensors: [(key: String, tensor: Tensor)], rateFactor: Float = 1, untilStep: Int? = nil
  ) {
    self.init(
      tensors.map {
        Entry(key: $0.key, tensor: $0.tensor, rateFactor: rateFactor, untilStep: untilStep)
      })
  }

  private init(_ unsorted: [Entry]) {
    entries = unsorted.sorted { $0.key < $1.key }
    precondition(Set(entries.map(\.key)).count == entries.count, "ParameterGroup: a key twice")
    for entry in entries { entry.tensor.isTrainable = true }
  }

  package static func + (a: ParameterGroup, b: ParameterGroup) -> ParameterGroup {
    ParameterGroup(a.entries + b.entries)
  }

  /// Lets those learn that still do in update `step`, counted from 1.
  package func select(step: Int) {
    for entry in entries {
      if let last = entry.untilStep { entry.tensor.isTrainable = step <= last }
    }
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
