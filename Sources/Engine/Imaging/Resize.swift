import Foundation

/// Separable resampling, antialiased: when a side shrinks, the kernel is stretched by the factor, so that
/// every source pixel counts. Same kernels, supports and 8-bit intermediate as Pillow's `Image.resize`.
package enum ResampleKernel: Sendable, CaseIterable {
  /// Mean of the covered area.
  case box
  /// Keys' cubic, a = -0.5.
  case bicubic
  /// sinc(x) sinc(x / 3).
  case lanczos3

  /// Half width of the kernel, in source pixels when the side grows.
  var support: Double {
    switch self {
    case .box: 0.5
    case .bicubic: 2
    case .lanczos3: 3
    }
  }

  func callAsFunction(_ distance: Double) -> Double {
    let x = abs(distance)
    switch self {
    case .box: return distance > -0.5 && distance <= 0.5 ? 1 : 0
    case .bicubic:
      if x < 1 { return (1.5 * x - 2.5) * x * x + 1 }
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
    case .lanczos3: return x < 3 ? sinc(x) * sinc(x / 3) : 0
    }
  }

  private func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(.pi * x) / (.pi * x) }
}

extension PixelBuffer {
  package func resized(
    width newWidth: Int, height newHeight: Int, kernel: ResampleKernel = .lanczos3
  ) -> PixelBuffer {
    precondition(newWidth > 0 && newHeight > 0, "resized: [\(newHeight), \(newWidth), 3] is empty")
    // The side that shrinks goes first; rows go first otherwise, as in Pillow.
    if newWidth > width, newHeight < height {
      return resampledColumns(to: newHeight, kernel).resampledRows(to: newWidth, kernel)
    }
    let narrow = newWidth == width ? self : resampledRows(to: newWidth, kernel)
    return newHeight == height ? narrow : narrow.resampledColumns(to: newHeight, kernel)
  }

  private func resampledRows(to newWidth: Int, _ kernel: ResampleKernel) -> PixelBuffer {
    let taps = Taps(from: width, to: newWidth, kernel)
    let rowBytes = width * 3
    let result = [UInt8](unsafeUninitializedCapacity: newWidth * height * 3) { out, count in
      pixels.withUnsafeBufferPointer { source in
        for y in 0..<height {
          for x in 0..<newWidth {
            let start = y * rowBytes + taps.starts[x] * 3
            var (red, green, blue) = (0.5 as Float, 0.5 as Float, 0.5 as Float)
            for k in 0..<taps.counts[x] {
              let weight = taps.weights[x * taps.stride + k]
              red += weight * Float(source[start + 3 * k])
              green += weight * Float(source[start + 3 * k + 1])
              blue += weight * Float(source[start + 3 * k + 2])
            }
            let i = (y * newWidth + x) * 3
            out[i] = level(red)
            out[i + 1] = level(green)
            out[i + 2] = level(blue)
          }
        }
      }
      count = newWidth * height * 3
    }
    return PixelBuffer(width: newWidth, height: height, pixels: result)
  }

  private func resampledColumns(to newHeight: Int, _ kernel: ResampleKernel) -> PixelBuffer {
    let taps = Taps(from: height, to: newHeight, kernel)
    let rowBytes = width * 3
    var sums = [Float](repeating: 0, count: rowBytes)
    let result = [UInt8](unsafeUninitializedCapacity: rowBytes * newHeight) { out, count in
      pixels.withUnsafeBufferPointer { source in
        for y in 0..<newHeight {
          for i in 0..<rowBytes { sums[i] = 0.5 }
          for k in 0..<taps.counts[y] {
            let weight = taps.weights[y * taps.stride + k]
            let start = (taps.starts[y] + k) * rowBytes
            for i in 0..<rowBytes { sums[i] += weight * Float(source[start + i]) }
          }
          for i in 0..<rowBytes { out[y * rowBytes + i] = level(sums[i]) }
        }
      }
      count = rowBytes * newHeight
    }
    return PixelBuffer(width: width, height: newHeight, pixels: result)
  }
}

/// Which source pixels make each target pixel, and how much each counts: weights sum to 1.
private struct Taps {
  var starts: [Int] = []
  var counts: [Int] = []
  var weights: [Float] = []
  let stride: Int

  init(from source: Int, to target: Int, _ kernel: ResampleKernel) {
    let scale = Double(source) / Double(target)
    let stretch = max(scale, 1)
    let support = kernel.support * stretch
    stride = Int(support.rounded(.up)) * 2 + 1
    weights.reserveCapacity(target * stride)
    for i in 0..<target {
      let center = (Double(i) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let end = min(source, Int(center + support + 0.5))
      let row = (first..<end).map { kernel((Double($0) - center + 0.5) / stretch) }
      let sum = row.reduce(0, +)
      starts.append(first)
      counts.append(row.count)
      weights += row.map { Float($0 / sum) }
      weights += [Float](repeating: 0, count: stride - row.count)
    }
  }
}

/// A rounded 8-bit level; 0.5 has been added by the caller.
private func level(_ value: Float) -> UInt8 { UInt8(max(0, min(255, value))) }
