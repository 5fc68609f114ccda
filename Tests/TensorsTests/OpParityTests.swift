import Tensors
import TestSupport
import Testing

/// Every op against torch, forward and backward, on both sets of kernels.
@Suite struct OpParityTests {
  // Another order of summation: some roundings of the largest terms (docs/NUMERICS.md).
  static let forward = Tolerance(relative: 1e-5, ofLargest: 1e-5)
  // The absolute part is for saturated softmaxes, whose gradients are differences of equal numbers.
  static let backward = Tolerance(relative: 1e-4, ofLargest: 1e-5, absolute: 1e-5)
  static let files = [
    "ops_elementwise", "ops_products", "ops_convolution", "ops_attention", "ops_normalization",
    "ops_shapes",
  ]

  @Test(arguments: files) func `reference kernels agree with torch`(file: String) throws {
    try ActiveKernels.$current.withValue(ReferenceKernels()) { try check(file) }
  }

  @Test(arguments: files) func `fast kernels agree with torch`(file: String) throws {
    try ActiveKernels.$current.withValue(FastKernels()) { try check(file) }
  }

  private func check(_ file: String) throws {
    for golden in try GoldenFile(file).cases {
      let inputs = try golden.tensors("in", trainable: true)
      let results = try Op(golden, inputs).run()
      let names = results.count == 1 ? ["y"] : results.indices.map { "y\($0)" }
      try golden.check(
        outputs: Dictionary(uniqueKeysWithValues: zip(names, results)), inputs: inputs,
        forward: Self.forward, backward: Self.backward)
    }
  }
}

/// The op that a case names, applied to its inputs.
private struct Op {
  let golden: GoldenCase
  let inputs: [String: Tensor]

  init(_ golden: GoldenCase, _ inputs: [String: Tensor]) {
    (self.golden, self.inputs) = (golden, inputs)
  }

  private func get(_ key: String) throws -> Tensor {
    try #require(inputs[key], "\(golden.name) \(key)")
  }
  private func int(_ key: String) throws -> Int { try golden.field(key) }
  private func ints(_ key: String) throws -> [Int] { try golden.field(key) }
  private func float(_ key: String) throws -> Float { try golden.field(key) }
  private func bool(_ key: String) throws -> Bool { try golden.field(key) }

  private static var unary: [String: (Tensor) -> Tensor] {
    [
      "silu": silu, "gelu": gelu, "quickGelu": quickGelu, "sigmoid": sigmoid, "tanh": tanh,
      "exp": exp,
      "log": log, "sqrt": sqrt, "square": square, "abs": abs, "relu": relu, "negate": { -$0 },
      "softmax": softmax, "l2Normalize": l2Normalize, "upsampleNearest2x": upsampleNearest2x,
      "sum": { sum($0) }, "mean": { mean($0) }, "perChannel": { $0.perChannel },
      "reused": { $0 * $0 + $0 },
    ]
  }

  private static var binary: [String: (Tensor, Tensor) -> Tensor] {
    [
      "add": { $0 + $1 }, "subtract": { $0 - $1 }, "multiply": { $0 * $1 }, "divide": { $0 / $1 },
      "meanSquaredError": { meanSquaredError($0, $1) },
      "meanSquaredErrorPerSample": { meanSquaredErrorPerSample($0, $1) },
    ]
  }

  private static var scalar: [String: (Tensor, Float) -> Tensor] {
    [
      "addScalar": { $0 + $1 }, "subtractScalar": { $0 - $1 }, "multiplyScalar": { $0 * $1 },
      "divideScalar": { $0 / $1 }, "scalarAdd": { $1 + $0 }, "scalarSubtract": { $1 - $0 },
      "scalarMultiply": { $1 * $0 },
    ]
  }

  func run() throws -> [Tensor] {
    let op: String = try golden.field("op")
    if let f = Self.unary[op] { return [f(try get("x"))] }
    if let f = Self.binary[op] { return [f(try get("a"), try get("b"))] }
    if let f = Self.scalar[op] { return [f(try get("x"), try float("scalar"))] }
    if op == "split" {
      return try get("x").split(axis: int("axis"), parts: int("parts"))
    }
    return [try other(op)]
  }

  private func other(_ op: String) throws -> Tensor {
    switch op {
    case "clamp": return clamp(try get("x"), min: try float("min"), max: try float("max"))
    case "linear": return linear(try get("x"), try get("weight"), bias: inputs["bias"])
    case "matmul":
      return matmul(
        try get("a"), try get("b"), transposeA: try bool("transposeA"),
        transposeB: try bool("transposeB"))
    case "conv2d":
      let p = try ints("padding")
      return conv2d(
        try get("x"), try get("weight"), bias: inputs["bias"], stride: try int("stride"),
        padding: Padding(top: p[0], left: p[1], bottom: p[2], right: p[3]))
    case "attention":
      return attention(
        try get("q"), try get("k"), try get("v"), heads: try int("heads"),
        causal: try bool("causal"))
    case "groupNorm":
      return groupNorm(
        try get("x"), weight: try get("weight"), bias: try get("bias"), groups: try int("groups"),
        eps: try float("eps"))
    case "layerNorm":
      return layerNorm(
        try get("x"), weight: try get("weight"), bias: try get("bias"), eps: try float("eps"))
    case "embedding":
      return embedding(try get("table"), ids: try ints("ids"), leading: try ints("leading"))
    case "selectRows": return selectRows(try get("x"), at: try ints("at"))
    case "sumAxis": return sum(try get("x"), axis: try int("axis"))
    case "meanAxis": return mean(try get("x"), axis: try int("axis"))
    case "crossEntropy": return crossEntropy(try get("x"), targets: try ints("targets"))
    case "reshaped": return try get("x").reshaped(Shape(try ints("shape")))
    case "transposed": return try get("x").transposed(axes: try ints("axes"))
    case "concatenated":
      return concatenated([try get("a"), try get("b"), try get("c")], axis: try int("axis"))
    case "slice": return try get("x").slice(axis: try int("axis"), int("start")..<int("end"))
    default: throw GoldenError.missing(key: "an op named \(op)", file: golden.name)
    }
  }
}
