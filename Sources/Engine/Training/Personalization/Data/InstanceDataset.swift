package import Contract
import Foundation
package import Imaging
package import Tensors
import Weights

/// The photos of the subjects as the network sees them: short side resized, centre cut out, never squashed.
package struct InstanceDataset {
  /// What is known of one picture beside its pixels.
  package struct Photo {
    package var subject: Int
    package var caption: String?
    /// How much each latent position counts, `[1, H, W, 1]`, and the same mirrored.
    private let masks: (plain: Tensor, mirrored: Tensor)?

    package init(
      subject: Int = 0, caption: String? = nil, masks: (plain: Tensor, mirrored: Tensor)? = nil
    ) {
      (self.subject, self.caption, self.masks) = (subject, caption, masks)
    }

    package func mask(isMirrored: Bool) -> Tensor? { isMirrored ? masks?.mirrored : masks?.plain }
  }

  package let pictures: [PixelBuffer]
  package let photos: [Photo]
  /// Id and digest of each file, as the work order lists them.
  package let lines: [WorkReport.ImageLine]

  /// - Parameters:
  ///   - side: pixels
  ///   - pixelsPerLatent: pixels of a latent position and axis
  ///   - unmaskedWeight: how much counts what lies outside a mask
  package init(
    _ images: [WorkOrder.Picture], side: Int, pixelsPerLatent: Int = 8, unmaskedWeight: Float = 0
  ) throws {
    guard !images.isEmpty else {
      throw TrainingError.unusableImage(id: "-", reason: "there is none; 3 to 5 photos are needed")
    }
    var (pictures, photos, lines) = ([PixelBuffer](), [Photo](), [WorkReport.ImageLine]())
    for image in images {
      do {
        let picture = try ImageDecoder.decode(contentsOf: image.file).picture
        pictures.append(picture.trainingSquare(side: side))
        let masks = try image.mask.map {
          try Self.masks(
            $0, of: picture, side: side, pixelsPerLatent, unmaskedWeight, id: image.id)
        }
        photos.append(Photo(subject: image.subject ?? 0, caption: image.caption, masks: masks))
        lines.append(
          .init(
            id: image.id, sha256: try FileDigest.sha256(image.file), verdict: image.verdict,
            findings: image.findings))
      } catch let error as ImagingError {
        throw TrainingError.unusableImage(id: image.id, reason: error.description)
      } catch let error as CocoaError {
        if let code = SystemError.code(of: error), SystemError.isPassing(code) { throw error }
        throw TrainingError.unusableImage(id: image.id, reason: "the file cannot be read")
      }
    }
    (self.pictures, self.photos, self.lines) = (pictures, photos, lines)
  }

  /// White counts 1, black `weight`, each latent position the mean of its pixels.
  private static func masks(
    _ file: URL, of picture: PixelBuffer, side: Int, _ pixelsPerLatent: Int, _ weight: Float,
    id: String
  ) throws -> (plain: Tensor, mirrored: Tensor) {
    let mask = try ImageDecoder.decode(contentsOf: file).picture
    guard mask.width == picture.width, mask.height == picture.height else {
      throw TrainingError.unusableImage(
        id: id,
        reason: "its mask has \(mask.width) x \(mask.height) pixels, the picture "
          + "\(picture.width) x \(picture.height)")
    }
    let (square, cells) = (mask.trainingSquare(side: side), side / pixelsPerLatent)
    func share(_ row: Int, _ column: Int) -> Float {
      var sum: Float = 0
      for y in 0..<pixelsPerLatent {
        for x in 0..<pixelsPerLatent {
          let pixel = square[column * pixelsPerLatent + x, row * pixelsPerLatent + y]
          sum += (Float(pixel.red) + Float(pixel.green) + Float(pixel.blue)) / (3 * 255)
        }
      }
      return weight + (1 - weight) * sum / Float(pixelsPerLatent * pixelsPerLatent)
    }
    let rows = (0..<cells).map { row in (0..<cells).map { share(row, $0) } }
    guard rows.contains(where: { $0.contains { $0 > 0 } }) else {
      throw TrainingError.unusableImage(
        id: id, reason: "its mask is black inside the square that is trained on")
    }
    func tensor(_ rows: [[Float]]) -> Tensor {
      Tensor(rows.flatMap(\.self), shape: [1, cells, cells, 1])
    }
    return (tensor(rows), tensor(rows.map { $0.reversed() }))
  }

  /// One digest over all pictures and what is said of them.
  package func hash(_ images: [WorkOrder.Picture]) throws -> String {
    let texts = try zip(lines, images).map { line, image in
      let mask = try image.mask.map(FileDigest.sha256) ?? "-"
      return "\(line.id) \(line.sha256) \(image.subject ?? 0) \(mask) \(image.caption ?? "")\n"
    }
    return FileDigest.sha256(Data(texts.joined().utf8))
  }

  package var mirrored: [PixelBuffer] { pictures.map(\.mirrored) }
}

extension PixelBuffer {
  /// Left and right exchanged.
  fileprivate var mirrored: PixelBuffer {
    var mirror = self
    for y in 0..<height {
      for x in 0..<width { mirror[width - 1 - x, y] = self[x, y] }
    }
    return mirror
  }
}
