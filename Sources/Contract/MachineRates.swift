import Foundation

/// How fast this machine and build compute the blocks that models are made of, measured on a few of them.
package struct MachineRates: Codable, Equatable, Sendable {
  package enum Pass: String, Codable, Sendable, CaseIterable {
    case forward
    /// Forward and backward through frozen weights.
    case frozen
    /// Forward and backward, weights' gradients included.
    case trained
  }

  package struct Point: Codable, Equatable, Sendable {
    package var kind: BlockWork.Kind
    package var pass: Pass
    package var precision: Precision
    package var width: Int
    package var side: Int
    /// Multiplications and additions of the *forward* pass over the seconds of all that the pass does.
    package var flopsPerSecond: Double

    package init(
      _ kind: BlockWork.Kind, _ pass: Pass, _ precision: Precision, width: Int, side: Int,
      flopsPerSecond: Double
    ) {
      (self.kind, self.pass, self.precision) = (kind, pass, precision)
      (self.width, self.side, self.flopsPerSecond) = (width, side, flopsPerSecond)
    }
  }

  package var version = 1
  package var points: [Point]
  /// Values that the optimizer changes in a second, moments in f32.
  package var optimizer: Double
  /// The same, moments in 8 bits.
  package var compactOptimizer: Double

  package init(points: [Point], optimizer: Double, compactOptimizer: Double) {
    (self.points, self.optimizer, self.compactOptimizer) = (points, optimizer, compactOptimizer)
  }

  /// Seconds of a pass over one block and sample, at the rate of the most similar block that was measured.
  package func seconds(
    _ block: BlockWork, _ pass: Pass, _ precision: Precision, tokens: Int
  ) -> Double {
    let kind = block.kind == .other ? .resnet : block.kind
    let known = points.filter {
      $0.kind == kind && $0.pass == pass && $0.precision == precision
    }
    let nearest = known.min { distance($0, block) < distance($1, block) }
    return nearest.map { block.flops(tokens: tokens) / $0.flopsPerSecond } ?? .infinity
  }

  /// Factors of two by which width and side differ.
  private func distance(_ point: Point, _ block: BlockWork) -> Double {
    func octaves(_ a: Int, _ b: Int) -> Double {
      abs(log2(Double(max(a, 1)) / Double(max(b, 1))))
    }
    return octaves(point.width, block.width) + octaves(point.side, block.side)
  }
}
