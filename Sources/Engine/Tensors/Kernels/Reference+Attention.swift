internal import Foundation

extension ReferenceKernels {
  package func softmax(_ x: Floats, _ y: MutableFloats, rows: Int, width: Int) {
    for r in 0..<rows {
      let row = (0..<width).map { Double(x[r * width + $0]) }
      let lse = logSumExp(row)
      for i in 0..<width { y[r * width + i] = Float(exp(row[i] - lse)) }
    }
  }

  package func softmaxBackward(
    _ y: Floats, _ dy: Floats, _ dx: MutableFloats, rows: Int, width: Int
  ) {
    for r in 0..<rows {
      let row = r * width..<(r + 1) * width
      let dot = row.reduce(0.0) { $0 + Double(y[$1]) * Double(dy[$1]) }
      for i in row { dx[i] = Float(Double(y[i]) * (Double(dy[i]) - dot)) }
    }
  }

  package func attention(
    _ q: Floats, _ k: Floats, _ v: Floats, _ o: MutableFloats, logSumExp lse: MutableFloats,
    _ g: AttentionGeometry, precision: ComputePrecision
  ) {
    g.forEachQuery { b, head, n in
      let scores = (0..<g.visible(n)).map { g.score(q, k, b, head, n, $0, precision) }
      let total = logSumExp(scores)
      lse[(b * g.heads + head) * g.N + n] = Float(total)
      for c in 0..<g.d {
        var sum = 0.0
        for (t, score) in scores.enumerated() {
          sum += exp(score - total) * precision.rounded(v[g.key(b, t, head, c)])
        }
        o[g.query(b, n, head, c)] = Float(sum)
      }
    }
  }

  /// With p = exp(score - logSumExp): dv = p do, ds = p (do v - do o) scale, dq = ds k, dk = ds q.
  package func attentionBackward(
    _ q: Floats, _ k: Floats, _ v: Floats, _ o: Floats, logSumExp lse: Floats, _ do: Floats,
    dq: MutableFloats, dk: MutableFloats, dv: MutableFloats, _ g: AttentionGeometry,
    precision: ComputePrecision
  ) {
    var dqSums = [Double](repeating: 0, count: g.B * g.N * g.heads * g.d)
    var dkSums = [Double](repeating: 0, count: g.B * g.T * g.heads * g.d)
    var dvSums = dkSums
    g.forEachQuery { b, head, n in
      let queries = (0..<g.d).map { g.query(b, n, head, $0) }
      let delta = queries.reduce(0.0) { $0 + Double(`do`[$1]) * Double(o[$1]) }
      for t in 0..<g.visible(n) {
        let keys = (0..<g.d).map { g.key(b, t, head, $0) }
        let score = g.score(q, k, b, head, n, t, precision)
        let p = exp(score - Double(lse[(b * g.heads + head) * g.N + n]))
        let dp = zip(queries, keys).reduce(0.0) {
          $0 + precision.rounded(`do`[$1.0]) * precision.rounded(v[$1.1])
        }
        let ds = p * (dp - delta) * Double(g.scale)
        for (query, key) in zip(queries, keys) {
          dvSums[key] += p * precision.rounded(`do`[query])
          dqSums[query] += ds * precision.rounded(k[key])
          dkSums[key] += ds * precision.rounded(q[query])
        }
      }
    }
    for i in dqSums.indices { dq[i] = Float(dqSums[i]) }
    for i in dkSums.indices { (dk[i], dv[i]) = (Float(dkSums[i]), Float(dvSums[i])) }
  }

  private func logSumExp(_ values: [Double]) -> Double {
    let top = values.max() ?? 0
    return top + log(values.reduce(0.0) { $0 + exp($1 - top) })
  }
}

extension AttentionGeometry {
  func query(_ b: Int, _ n: Int, _ head: Int, _ c: Int) -> Int {
    ((b * N + n) * heads + head) * d + c
  }
  func key(_ b: Int, _ t: Int, _ head: Int, _ c: Int) -> Int {
    ((b * T + t) * heads + head) * d + c
  }
  /// How many keys query n sees.
  func visible(_ n: Int) -> Int { causal ? min(n + 1, T) : T }

  func score(
    _ q: Floats, _ k: Floats, _ b: Int, _ head: Int, _ n: Int, _ t: Int,
    _ precision: ComputePrecision
  ) -> Double {
    (0..<d).reduce(0.0) {
      $0 + precision.rounded(q[query(b, n, head, $1)]) * precision.rounded(k[key(b, t, head, $1)])
    } * Double(scale)
  }

  func forEachQuery(_ body: (_ b: Int, _ head: Int, _ n: Int) -> Void) {
    for b in 0..<B {
      for head in 0..<heads {
        for n in 0..<N { body(b, head, n) }
      }
    }
  }
}
