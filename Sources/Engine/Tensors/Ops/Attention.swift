/// Scaled dot-product attention per head: softmax(q k^T / sqrt(d)) v (Vaswani et al., 1706.03762).
///
/// The N x T scores exist block by block only; backward computes them again from the saved row sums
/// (Dao et al., 2205.14135).
/// - Parameters:
///   - q: `[B, N, h*d]`
///   - k: `[B, T, h*d]`
///   - v: `[B, T, h*d]`
///   - causal: position n attends to t <= n
/// - Returns: `[B, N, h*d]`
package func attention(
  _ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, causal: Bool = false
) -> Tensor {
  let (B, N, width) = q.shape3
  let (kB, T, kWidth) = k.shape3
  precondition(
    kB == B && kWidth == width && v.shape == k.shape && width % heads == 0,
    "attention: q \(q.shape), k \(k.shape), v \(v.shape), \(heads) heads")
  let d = width / heads
  let geometry = AttentionGeometry(
    B: B, N: N, T: T, heads: heads, d: d, scale: 1 / Float(d).squareRoot(), causal: causal)
  let precision = Mode.precision
  let o = Tensor(uninitialized: q.shape)
  let logSumExp = Tensor(uninitialized: [B, heads, N])
  kernels.attention(
    q.floats, k.floats, v.floats, o.mutableFloats, logSumExp: logSumExp.mutableFloats, geometry,
    precision: precision)
  let (keptO, keptQ, keptK, keptV) = (
    o.detached(), q.roundedToKeep(), k.roundedToKeep(), v.roundedToKeep()
  )
  return o.recorded(from: [q, k, v]) { dy, edges in
    // The products round to bf16 themselves: what was kept in it gives the same bits.
    let (q, k, v) = (keptQ.cast(to: .f32), keptK.cast(to: .f32), keptV.cast(to: .f32))
    let dq = Tensor(uninitialized: q.shape)
    let dk = Tensor(uninitialized: k.shape)
    let dv = Tensor(uninitialized: v.shape)
    kernels.attentionBackward(
      q.floats, k.floats, v.floats, keptO.floats, logSumExp: logSumExp.floats, dy.floats,
      dq: dq.mutableFloats, dk: dk.mutableFloats, dv: dv.mutableFloats, geometry,
      precision: precision)
    edges[0].add(dq)
    edges[1].add(dk)
    edges[2].add(dv)
  }
}
