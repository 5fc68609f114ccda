package import Tensors

/// Activation functions that configs name, spelled as transformers spells them.
package enum Activation: String, Codable, Sendable {
  case quickGelu = "quick_gelu"
  case gelu

  package func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .quickGelu: Tensors.quickGelu(x)
    case .gelu: Tensors.gelu(x)
    }
  }
}
