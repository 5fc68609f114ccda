package import Imaging

/// Everything that decides one picture. The same values give the same pixels.
package struct ToyPhoto: Equatable, Sendable {
  package var toy: ToyClass
  package var coat: ToyCoat
  package var scene: ToyScene
  package var pose: ToyPose
  package var placement: ToyPlacement
  /// Where trees, stars and waves lie.
  package var backdrop: ToyDice
}

/// Paints a `ToyPhoto`: scene, shadow, then the toy from back to front.
package enum ToyRenderer {
  /// - Returns: the picture, `side` x `side` RGB
  package static func render(_ photo: ToyPhoto, side: Int = 64) -> PixelBuffer {
    var backdrop = photo.backdrop
    var canvas = ToyBackground(scene: photo.scene, side: side).paint(&backdrop)
    var figure = photo.toy.figure(photo.pose)
    if let accessory = photo.coat.accessory { figure.wear(accessory) }

    let place = photo.placement
    let foot = place.origin + ToyPoint(0, 0.97 * place.scale)
    canvas.fill(
      .ellipse(at: foot, radii: ToyPoint(figure.footing * place.scale, 0.13 * place.scale)),
      ToyPalette.black, opacity: 0.32)
    for part in figure.parts {
      canvas.fill(part.shape, at: place) { p, depth in
        let color =
          switch part.paint {
          case .coat(let light): photo.coat.color(x: p.x, y: p.y).lit(light)
          case .base(let light): photo.coat.base.lit(light)
          case .fixed(let color): color
          }
        return color.lit(Self.light(height: p.y, depth: depth))
      }
    }
    return canvas.buffer
  }

  /// Light from above, and a darker rim which parts the toy from the scene and its limbs from its body.
  private static func light(height: Float, depth: Float) -> Float {
    let rim = min(max((2.2 - depth) / 2.2, 0), 1)
    return (1.06 - 0.13 * (height + 1) * 0.5) * (1 - 0.30 * rim)
  }
}

extension ToyCanvas {
  /// The painted picture in bytes.
  var buffer: PixelBuffer {
    func byte(_ value: Float) -> UInt8 { UInt8((min(max(value, 0), 1) * 255).rounded()) }
    return PixelBuffer(
      width: side, height: side,
      pixels: pixels.flatMap { [byte($0.red), byte($0.green), byte($0.blue)] })
  }
}
