/// What cameras and editors put beside the pixels.
package enum PhotoMetadata {
  /// An EXIF block with an orientation and, so that a leak can be seen, a camera name and a position.
  package static func exif(orientation: Int, isLittleEndian: Bool = true) -> [UInt8] {
    func number(_ value: Int, _ count: Int) -> [UInt8] {
      let bytes = (0..<count).map { UInt8(value >> (8 * $0) & 255) }
      return isLittleEndian ? bytes : bytes.reversed()
    }
    func entry(_ tag: Int, type: Int, count: Int, _ value: [UInt8]) -> [UInt8] {
      number(tag, 2) + number(type, 2) + number(count, 4) + value
        + [UInt8](repeating: 0, count: 4 - value.count)
    }
    let camera = Array("SecretCam\0".utf8)
    // Header 8, directory 2 + 3 x 12 + 4, then the camera's name, then the GPS directory.
    let cameraOffset = 8 + 42
    let gpsOffset = cameraOffset + camera.count
    let head = Array((isLittleEndian ? "II" : "MM").utf8) + number(42, 2) + number(8, 4)
    let directory =
      number(3, 2)
      + entry(0x010F, type: 2, count: camera.count, number(cameraOffset, 4))
      + entry(0x0112, type: 3, count: 1, number(orientation, 2))
      + entry(0x8825, type: 4, count: 1, number(gpsOffset, 4)) + number(0, 4)
    let position = [(48, 1), (8, 1), (14, 1)].flatMap { number($0.0, 4) + number($0.1, 4) }
    let gps =
      number(2, 2) + entry(0x0001, type: 2, count: 2, Array("N\0".utf8))
      + entry(0x0002, type: 5, count: 3, number(gpsOffset + 30, 4)) + number(0, 4) + position
    return head + directory + camera + gps
  }

  /// The block as JPEG's APP1 segment holds it.
  package static func app1(orientation: Int) -> (marker: UInt8, payload: [UInt8]) {
    (0xE1, Array("Exif\0\0".utf8) + exif(orientation: orientation))
  }

  /// The profile as JPEG's APP2 segment holds it.
  package static func app2(_ profile: [UInt8]) -> (marker: UInt8, payload: [UInt8]) {
    (0xE2, Array("ICC_PROFILE\0".utf8) + [1, 1] + profile)
  }

  /// An RGB profile (ICC v2, matrix and gamma 2.2) with the primaries of sRGB in the given order: with
  /// `[1, 0, 2]` red means green.
  package static func profile(primaries order: [Int]) -> [UInt8] {
    let primaries: [[Double]] = [
      [0.4361, 0.2225, 0.0139], [0.3851, 0.7169, 0.0971], [0.1431, 0.0606, 0.7141],
    ]
    func fixed(_ value: Double) -> [UInt8] {
      big(UInt32(bitPattern: Int32((value * 65536).rounded())))
    }
    func xyz(_ values: [Double]) -> [UInt8] {
      Array("XYZ ".utf8) + big(0) + values.flatMap(fixed)
    }
    let curve = Array("curv".utf8) + big(0) + big(1) + [0x02, 0x33, 0, 0]
    let text =
      Array("desc".utf8) + big(0) + big(2) + Array("x\0".utf8) + [UInt8](repeating: 0, count: 80)
    let tags: [(String, [UInt8])] = [
      ("desc", text), ("wtpt", xyz([0.9642, 1, 0.8249])),
      ("rXYZ", xyz(primaries[order[0]])), ("gXYZ", xyz(primaries[order[1]])),
      ("bXYZ", xyz(primaries[order[2]])), ("rTRC", curve), ("gTRC", curve), ("bTRC", curve),
    ]
    var (table, data) = (big(UInt32(tags.count)), [UInt8]())
    for (name, payload) in tags {
      table += Array(name.utf8) + big(UInt32(132 + 12 * tags.count + data.count))
      table += big(UInt32(payload.count))
      data += payload + [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
    }
    let size = 128 + table.count + data.count
    var header = big(UInt32(size)) + big(0) + big(0x0210_0000) + Array("mntrRGB XYZ ".utf8)
    header += [UInt8](repeating: 0, count: 12) + Array("acsp".utf8)
    header += [UInt8](repeating: 0, count: 28) + [0.9642, 1, 0.8249].flatMap(fixed)
    header += [UInt8](repeating: 0, count: 128 - header.count)
    return header + table + data
  }
}
