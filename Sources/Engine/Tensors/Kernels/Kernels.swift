/// The arithmetic of the engine. `ReferenceKernels` is the definition: plain loops, obviously
/// right. `FastKernels` are the same in blocks, vectors and threads.
///
/// All arrays are dense, row-major, channels-last, f32 unless said otherwise. Letters:
/// docs/SHAPES.md. Forward functions write their result; backward functions write (`assign`)
/// activation gradients and **add** to parameter gradients (`dWeight`, `dBias`, `dTable`), which the caller has zeroed.
/// Every reduction has a fixed order, whatever the number of threads.
package protocol Kernels: Sendable {
  // Elementwise
  /// y[i] = f(x[i])
  func unary(_ f: UnaryFunction, _ x: Floats, _ y: MutableFloats, count: Int)
  /// dx[i] = dy[i] * f'(x[i])
  func unaryBackward(_ f: UnaryFunction, _ x: Floats, _ dy: Floats, _ dx: MutableFloats, count: Int)
  /// y[i] = a[i] (op) b[i]
  func binary(_ op: BinaryOperation, _ a: Floats, _ b: Floats, _ y: MutableFloats, count: Int)
  /// y[o, m, i] = a[o, m, i] (op) b[o, i]: `b` is repeated along the middle axis
  func broadcast(
    _ op: BinaryOperation, _ a: Floats, _ b: Floats, _ y: MutableFloats, outer: Int, middle: Int,
    inner: Int)
  /// y = h gelu(gate): x [rows, 2 width] holds h and gate side by side, y [rows, width]
  func geglu(_ x: Operand, _ y: MutableFloats, rows: Int, width: Int)
  /// dx = [dy gelu(gate), dy h gelu'(gate)]
  func gegluBackward(_ x: Operand, _ dy: Floats, _ dx: MutableFloats, rows: Int, width: Int)
  /// y[i] = scale * x[i] + shift
  func affine(_ x: Floats, _ y: MutableFloats, scale: Float, shift: Float, count: Int)
  /// y[i] += scale * x[i]
  func accumulate(_ x: Floats, scale: Float, into y: MutableFloats, count: Int)

  // Reduce
  /// y[o, i] = sum over m of x[o, m, i]
  func sumMiddle(_ x: Floats, _ y: MutableFloats, outer: Int, middle: Int, inner: Int)
  /// Sum and sum of squares in double precision.
  func sum(_ x: Floats, count: Int) -> Double
  func sumOfSquares(_ x: Floats, count: Int) -> Double
  func allFinite(_ x: Floats, count: Int) -> Bool

  // Matrix products
  /// C = A' B' (+ bias on each row, if given) (+ C, if `accumulate`), where A' is `[m, k]`, B' is
  /// `[k, n]`; a transposed operand lies in memory as `[k, m]` or `[n, k]`. `batch` products follow
  /// each other at dense strides (m*k, k*n, m*n); batch stride 0 is not offered. `.bf16` rounds
  /// both operands to bf16 and accumulates in f32. An operand may be stored as bf16 (weights).
  func matmul(
    _ a: Operand, transposeA: Bool, _ b: Operand, transposeB: Bool, bias: Floats?,
    _ c: MutableFloats, m: Int, n: Int, k: Int, batch: Int, accumulate: Bool,
    precision: ComputePrecision)

  // Convolution: x [B, H, W, Cin], weight [Cout, Cin, kh, kw], y [B, H', W', Cout]
  func conv2d(
    _ x: Floats, _ weight: Operand, bias: Floats?, _ y: MutableFloats, _ g: ConvGeometry,
    precision: ComputePrecision)
  func conv2dBackwardInput(
    _ dy: Floats, _ weight: Operand, _ dx: MutableFloats, _ g: ConvGeometry,
    precision: ComputePrecision)
  /// dWeight = ..., or += ... if `accumulate`; dBias += ... (either may be nil)
  func conv2dBackwardWeight(
    _ x: Floats, _ dy: Floats, _ dWeight: MutableFloats?, _ dBias: MutableFloats?,
    _ g: ConvGeometry, accumulate: Bool, precision: ComputePrecision)

  // Normalization
  /// x, y [B, P, C] with P positions; mean, rstd [B, G]; weight, bias [C]; then SiLU if `g.silu`
  func groupNorm(
    _ x: Floats, weight: Floats, bias: Floats, _ y: MutableFloats, mean: MutableFloats,
    rstd: MutableFloats, _ g: GroupNormGeometry)
  /// dx = ..., dWeight += ..., dBias += ... (dx, dWeight, dBias may be nil)
  func groupNormBackward(
    _ x: Floats, weight: Floats, bias: Floats, mean: Floats, rstd: Floats, _ dy: Floats,
    _ dx: MutableFloats?, dWeight: MutableFloats?, dBias: MutableFloats?, _ g: GroupNormGeometry)
  /// x, y [rows, width]; mean, rstd [rows]
  func layerNorm(
    _ x: Floats, weight: Floats, bias: Floats, _ y: MutableFloats, mean: MutableFloats,
    rstd: MutableFloats, rows: Int, width: Int, eps: Float)
  func layerNormBackward(
    _ x: Floats, weight: Floats, mean: Floats, rstd: Floats, _ dy: Floats, _ dx: MutableFloats?,
    dWeight: MutableFloats?, dBias: MutableFloats?, rows: Int, width: Int)

  // Softmax and attention
  /// Over the last axis: x, y [rows, width]
  func softmax(_ x: Floats, _ y: MutableFloats, rows: Int, width: Int)
  /// dx = y * (dy - sum(dy * y))
  func softmaxBackward(_ y: Floats, _ dy: Floats, _ dx: MutableFloats, rows: Int, width: Int)
  /// q, o [B, N, h*d]; k, v [B, T, h*d]; logSumExp [B, h, N] of the scaled scores.
  /// o = softmax(scale * q k^T) v per head; with `causal`, position n sees t <= n.
  /// No [N, T] matrix of a whole head exists in memory in the fast kernels.
  func attention(
    _ q: Floats, _ k: Floats, _ v: Floats, _ o: MutableFloats, logSumExp: MutableFloats,
    _ g: AttentionGeometry, precision: ComputePrecision)
  /// dq, dk, dv are assigned.
  func attentionBackward(
    _ q: Floats, _ k: Floats, _ v: Floats, _ o: Floats, logSumExp: Floats, _ do: Floats,
    dq: MutableFloats, dk: MutableFloats, dv: MutableFloats, _ g: AttentionGeometry,
    precision: ComputePrecision)

  // Gather, reshape, resample
  /// y[r] = table[ids[r]]: table [V, width], y [ids.count, width]
  func gatherRows(_ table: Operand, ids: [Int], _ y: MutableFloats, width: Int)
  /// dTable[ids[r]] += dy[r], in the order of r
  func scatterAddRows(_ dy: Floats, ids: [Int], _ dTable: MutableFloats, width: Int)
  /// y = x with axes reordered: y's axis i is x's axis `axes[i]`; rank <= 6
  func permute(_ x: Floats, shape: [Int], axes: [Int], _ y: MutableFloats)
  /// Copies `rows` pieces of `width` elements; piece r starts at r * stride.
  func copyRows(
    _ x: Floats, stride xStride: Int, _ y: MutableFloats, stride yStride: Int, rows: Int, width: Int
  )
  /// Nearest neighbour, twice as large: x [B, H, W, C], y [B, 2H, 2W, C]
  func upsample2x(_ x: Floats, _ y: MutableFloats, B: Int, H: Int, W: Int, C: Int)
  /// dx [B, H, W, C] = sum of the four dy of each pixel
  func upsample2xBackward(_ dy: Floats, _ dx: MutableFloats, B: Int, H: Int, W: Int, C: Int)

  // Number formats (round to nearest even)
  func toBF16(_ x: Floats, _ y: UnsafeMutablePointer<UInt16>, count: Int)
  func fromBF16(_ x: UnsafePointer<UInt16>, _ y: MutableFloats, count: Int)
  func fromF16(_ x: UnsafePointer<UInt16>, _ y: MutableFloats, count: Int)

  // Optimizer
  /// One AdamW update in place (Loshchilov & Hutter, 1711.05101; decay as in torch.optim.AdamW):
  /// p *= 1 - lr*decay; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
  /// p -= lr / correction1 * m / (sqrt(v) / sqrt(correction2) + eps), with g = gradientScale * gradient.
  func adamW(
    _ p: MutableFloats, _ gradient: Floats, m: MutableFloats, v: MutableFloats, count: Int,
    _ s: AdamWStep)
  /// The same with moments that are kept as `MomentCode` says: a byte each, and for every block of 256 values the
  /// scales of m and of sqrt(v). Word i of `rounding` says which way the moments of value i go.
  func adamW(
    _ p: MutableFloats, _ gradient: Floats, codes m: MutableBytes, _ v: MutableBytes,
    scales: MutableFloats, count: Int, _ s: AdamWStep, rounding: Draw)
}

package typealias Floats = UnsafePointer<Float>
package typealias MutableFloats = UnsafeMutablePointer<Float>
package typealias MutableBytes = UnsafeMutablePointer<UInt8>

/// A read-only operand in one of the two number formats.
package enum Operand {
  case f32(UnsafePointer<Float>)
  case bf16(UnsafePointer<UInt16>)
}

/// Number format of the operands of matmul, convolution and attention; sums are at least f32.
package enum ComputePrecision: Sendable { case f32, bf16 }

package enum UnaryFunction: Sendable, CaseIterable {
  case silu, gelu, quickGelu, sigmoid, tanh, exp, log, sqrt, square, abs, reciprocal, negate, relu
}

package enum BinaryOperation: Sendable, CaseIterable { case add, subtract, multiply, divide }

package struct ConvGeometry: Hashable, Sendable {
  package var B: Int, H: Int, W: Int, cIn: Int, cOut: Int, kh: Int, kw: Int, stride: Int
  package var top: Int, left: Int, bottom: Int, right: Int
  package var outH: Int { (H + top + bottom - kh) / stride + 1 }
  package var outW: Int { (W + left + right - kw) / stride + 1 }
  package init(
    B: Int, H: Int, W: Int, cIn: Int, cOut: Int, kh: Int, kw: Int, stride: Int, top: Int, left: Int,
    bottom: Int, right: Int
  ) {
    (self.B, self.H, self.W, self.cIn, self.cOut) = (B, H, W, cIn, cOut)
    (self.kh, self.kw, self.stride) = (kh, kw, stride)
    (self.top, self.left, self.bottom, self.right) = (top, left, bottom, right)
  }
}

package struct GroupNormGeometry: Sendable {
  package var B: Int, P: Int, C: Int, groups: Int, eps: Float
  /// y = silu(norm(x)) instead of norm(x)
  package var silu: Bool
  package init(B: Int, P: Int, C: Int, groups: Int, eps: Float, silu: Bool = false) {
    (self.B, self.P, self.C, self.groups, self.eps) = (B, P, C, groups, eps)
    self.silu = silu
  }
}

package struct AttentionGeometry: Sendable {
  package var B: Int, N: Int, T: Int, heads: Int, d: Int, scale: Float, causal: Bool
  package init(B: Int, N: Int, T: Int, heads: Int, d: Int, scale: Float, causal: Bool) {
    (self.B, self.N, self.T, self.heads, self.d) = (B, N, T, heads, d)
    (self.scale, self.causal) = (scale, causal)
  }
}

package struct AdamWStep: Sendable {
  package var learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float
  /// 1 - beta1^step and 1 - beta2^step
  package var correction1: Float, correction2: Float
  package var gradientScale: Float
  package init(
    learningRate: Float, beta1: Float, beta2: Float, epsilon: Float, weightDecay: Float,
    correction1: Float, correction2: Float, gradientScale: Float
  ) {
    (self.learningRate, self.beta1, self.beta2) = (learningRate, beta1, beta2)
    (self.epsilon, self.weightDecay) = (epsilon, weightDecay)
    (self.correction1, self.correction2) = (correction1, correction2)
    self.gradientScale = gradientScale
  }
}

/// Which kernels the ops use. Tests bind `.reference`; everything else runs on `.fast`.
package enum ActiveKernels {
  @TaskLocal package static var current: any Kernels = FastKernels()
}
