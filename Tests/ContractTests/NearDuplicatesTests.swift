import Contract
import Foundation
import Testing

@Suite struct NearDuplicatesTests {
  /// Soft spots on grey, drawn from a scene larger than the picture; `shift` moves the window over it.
  private func scene(_ seed: Int, shift: (x: Int, y: Int) = (0, 0), mirrored: Bool = false)
    -> ImageFingerprint
  {
    let side = ImageFingerprint.side
    let spots = (0..<40).map { i in
      let draw = (seed * 40 + i + 1) &* 2_654_435_761
      return (x: draw >> 4 & 127, y: draw >> 12 & 127, level: (draw >> 20 & 127) - 64)
    }
    let levels = (0..<side * side).map { i in
      let (x, y) = (mirrored ? side - 1 - i % side : i % side, i / side)
      let light = spots.reduce(128.0) { sum, spot in
        let (dx, dy) = (Double(x + shift.x - spot.x + 16), Double(y + shift.y - spot.y + 16))
        return sum + Double(spot.level) * exp(-(dx * dx + dy * dy) / 32)
      }
      return UInt8(max(0, min(255, light)))
    }
    return ImageFingerprint(grey: Data(levels))
  }

  @Test func `mirror images and shifted cuts are grouped, other scenes and missing ones are not`() {
    let groups = NearDuplicates.groups([
      scene(1), nil, scene(2), scene(1, mirrored: true), scene(3), scene(2, shift: (17, -9)),
      scene(1, shift: (3, 5)),
    ])
    let first = NearDuplicates.Group(number: 1, members: [0, 3, 6])
    let second = NearDuplicates.Group(number: 2, members: [2, 5])
    #expect(groups == [first, nil, second, first, nil, second, first])
  }

  @Test func `flat pictures are like nothing`() {
    let flat = ImageFingerprint(grey: Data(repeating: 9, count: 64 * 64))
    #expect(NearDuplicates.groups([flat, flat]) == [nil, nil])
    #expect(NearDuplicates.groups([]).isEmpty)
  }

  @Test func `a fingerprint of another size is refused when read`() {
    let line = Data(#"{"grey":"AAAA"}"#.utf8)
    #expect(throws: DecodingError.self) {
      try ContractJSON.decoder().decode(ImageFingerprint.self, from: line)
    }
  }
}
