package import Tensors
package import Testing

extension GoldenCase {
  /// Compares outputs, then runs backward from sum(output * cotangent) and compares the gradient of every input
  /// and parameter of the case.
  /// - Parameters:
  ///   - outputs: by name, as in the case
  ///   - leaves: trainable tensors by role (`in`, `param`) and name
  package func check(
    outputs: [String: Tensor], inputs: [String: Tensor] = [:], parameters: [String: Tensor] = [:],
    forward: Tolerance, backward: Tolerance, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let expected = try tensors("out")
    #expect(Set(outputs.keys) == Set(expected.keys), "\(name)", sourceLocation: sourceLocation)
    var loss: Tensor?
    for (key, y) in outputs.sorted(by: { $0.key < $1.key }) {
      guard let golden = expected[key] else { continue }
      expectClose(y, golden, "\(name) \(key)", forward, sourceLocation: sourceLocation)
      guard y.shape == golden.shape else { return }
      let part = sum(y * (try tensor("cotangent", key)))
      loss = loss.map { $0 + part } ?? part
    }
    let leaves = [("din", inputs), ("dparam", parameters)]
    let gradients = try leaves.map { role, _ in try tensors(role) }
    guard gradients.contains(where: { !$0.isEmpty }) else { return }
    loss?.backward()
    // Where the true gradient is zero (a bias before a normalisation), rounding of the others remains.
    let largest = gradients.flatMap { $0.values }.flatMap(\.values).reduce(0) {
      max($0, Swift.abs($1))
    }
    var tolerance = backward
    tolerance.absolute += 1e-6 * largest
    for ((role, tensors), golden) in zip(leaves, gradients) {
      for (key, gradient) in golden.sorted(by: { $0.key < $1.key }) {
        expectClose(
          tensors[key]?.gradient, gradient, "\(name) \(role) \(key)", tolerance,
          sourceLocation: sourceLocation)
      }
    }
  }
}
