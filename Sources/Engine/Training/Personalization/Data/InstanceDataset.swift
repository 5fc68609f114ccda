package import Contract
import Foundation
package import Imaging
import Weights

/// The photos of the subject as the network sees them: short side resized, centre cut out, never squashed.
package struct InstanceDataset {
  package let pictures: [PixelBuffer]
  /// Id and digest of each file, in the order of the order.
  package let lines: [WorkReport.ImageLine]

  /// - Parameter side: pixels
  package init(_ images: [WorkOrder.Picture], side: Int) throws {
    guard !images.isEmpty else {
      throw TrainingError.unusableImage(id: "-", reason: "there is none; 3 to 5 photos are needed")
    }
    var (pictures, lines) = ([PixelBuffer](), [WorkReport.ImageLine]())
    for image in images {
      do {
        let decoded = try ImageDecoder.decode(contentsOf: image.file)
        pictures.append(decoded.picture.trainingSquare(side: side))
        lines.append(
          .init(
            id: image.id, sha256: try FileDigest.sha256(image.file), verdict: image.verdict,
            findings: image.findings))
      } catch let error as ImagingError {
        throw TrainingError.unusableImage(id: image.id, reason: error.description)
      } catch is CocoaError {
        throw TrainingError.unusableImage(id: image.id, reason: "the file cannot be read")
      }
    }
    (self.pictures, self.lines) = (pictures, lines)
  }

  /// One digest over all pictures.
  package var hash: String {
    FileDigest.sha256(Data(lines.map { "\($0.id) \($0.sha256)\n" }.joined().utf8))
  }

  package var mirrored: [PixelBuffer] {
    pictures.map { picture in
      var mirror = picture
      for y in 0..<picture.height {
        for x in 0..<picture.width { mirror[picture.width - 1 - x, y] = picture[x, y] }
      }
      return mirror
    }
  }
}
