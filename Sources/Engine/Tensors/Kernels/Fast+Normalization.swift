internal import CKernels

extension FastKernels {
  package func groupNorm(
    _ x: Floats, weight: Floats, bias: Floats, _ y: MutableFloats, mean: MutableFloats,
    rstd: MutableFloats, _ g: GroupNormGeometry
  ) {
    ck_group_norm(x, weight, bias, y, mean, rstd, g.shape)
  }

  package func groupNormBackward(
    _ x: Floats, weight: Floats, bias: Floats, mean: Floats, rstd: Floats, _ dy: Floats,
    _ dx: MutableFloats?, dWeight: MutableFloats?, dBias: MutableFloats?, _ g: GroupNormGeometry
  ) {
    ck_group_norm_backward(x, weight, bias, mean, rstd, dy, dx, dWeight, dBias, g.shape)
  }

  package func layerNorm(
    _ x: Floats, weight: Floats, bias: Floats, _ y: MutableFloats, mean: MutableFloats,
    rstd: MutableFloats, rows: Int, width: Int, eps: Float
  ) {
    ck_layer_norm(x, weight, bias, y, mean, rstd, rows, width, eps)
  }

  package func layerNormBackward(
    _ x: Floats, weight: Floats, mean: Floats, rstd: Floats, _ dy: Floats, _ dx: MutableFloats?,
    dWeight: MutableFloats?, dBias: MutableFloats?, rows: Int, width: Int
  ) {
    ck_layer_norm_backward(x, weight, mean, rstd, dy, dx, dWeight, dBias, rows, width)
  }
}

extension GroupNormGeometry {
  var shape: ck_group_norm_shape {
    ck_group_norm_shape(B: B, P: P, C: C, groups: groups, eps: eps, silu: silu ? 1 : 0)
  }
}
