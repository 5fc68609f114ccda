/// First values of a parameter, where no file gives them.
package enum Initializer: Sendable {
  case zeros, ones
  case constant(Float)
  /// Uniform in ±bound.
  case uniform(bound: Float)
  case normal(deviation: Float)

  /// torch's default for linear and convolution layers, weight and bias alike: `kaiming_uniform_`
  /// with a = sqrt(5) is uniform in ±1/sqrt(fanIn).
  package static func fanIn(_ count: Int) -> Initializer {
    .uniform(bound: 1 / Float(count).squareRoot())
  }
}
