/// Nearest neighbour, twice as large: `[B, H, W, C]` to `[B, 2H, 2W, C]`; dx sums the four dy of a pixel.
package func upsampleNearest2x(_ x: Tensor) -> Tensor {
  let (B, H, W, C) = x.shape4
  let y = Tensor(uninitialized: [B, 2 * H, 2 * W, C])
  kernels.upsample2x(x.floats, y.mutableFloats, B: B, H: H, W: W, C: C)
  let shape = x.shape
  return y.recorded(from: [x]) { dy, edges in
    let dx = Tensor(uninitialized: shape)
    kernels.upsample2xBackward(dy.floats, dx.mutableFloats, B: B, H: H, W: W, C: C)
    edges[0].add(dx)
  }
}
