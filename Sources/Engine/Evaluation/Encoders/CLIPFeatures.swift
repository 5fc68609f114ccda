package import Foundation
package import Imaging
import Models
package import Tensors
import Weights

/// A CLIP encoder pair as a ruler: pictures and texts to unit vectors that can be compared.
///
/// Pictures go through the transform of the pair's own `preprocessor_config.json`: short side resized bicubically,
/// centre cut out, (x / 255 - mean) / deviation.
package final class CLIPFeatures {
  private let model: CLIPModel
  private let tokenizer: CLIPTokenizer
  private let transform: Transform
  /// Folder name and the first digits of the weights' SHA-256: figures of different encoders are not comparable.
  package let name: String

  package init(opening folder: URL) throws {
    model = try .open(folder)
    tokenizer = try CLIPTokenizer(folder: folder)
    transform = try Transform(folder)
    let file = folder.appendingPathComponent("\(CLIPModel.weightsName).safetensors")
    name = "\(folder.lastPathComponent) \(try FileDigest.sha256(file).prefix(12))"
  }

  /// - Returns: unit vectors, `[B, D]`
  package func images(_ pictures: [PixelBuffer]) -> Tensor {
    withoutGradients {
      concatenated(
        pictures.map { l2Normalize(model.embedImage(transform($0))) }, axis: 0)
    }
  }

  /// - Returns: unit vectors, `[B, D]`
  package func texts(_ texts: [String]) -> Tensor {
    withoutGradients { l2Normalize(model.embedText(texts.map(tokenizer.encode))) }
  }

  private struct Transform {
    let shortSide: Int
    let crop: Int
    let mean: [Float]
    let deviation: [Float]

    init(_ folder: URL) throws {
      let file = folder.appendingPathComponent("preprocessor_config.json")
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      let config = try decoder.decode(Config.self, from: SmallFile.read(file))
      guard config.imageMean.count == 3, config.imageStd.count == 3,
        config.imageStd.allSatisfy({ $0 > 0 }), config.size.side > 0,
        config.size.side >= config.cropSize.side, config.cropSize.side > 0
      else {
        throw WeightError.config(
          file: "preprocessor_config.json",
          reason: "needs three means and deviations above 0, and size >= crop_size > 0")
      }
      (shortSide, crop) = (config.size.side, config.cropSize.side)
      (mean, deviation) = (config.imageMean, config.imageStd)
    }

    /// - Returns: `[1, H, W, 3]`
    func callAsFunction(_ picture: PixelBuffer) -> Tensor {
      let scale = Double(shortSide) / Double(min(picture.width, picture.height))
      let resized = picture.resized(
        width: max(shortSide, Int(Double(picture.width) * scale)),
        height: max(shortSide, Int(Double(picture.height) * scale)), kernel: .bicubic)
      let cut = resized.cropped(
        x: (resized.width - crop) / 2, y: (resized.height - crop) / 2, width: crop, height: crop)
      let values = cut.pixels.enumerated().map { i, level in
        (Float(level) / 255 - mean[i % 3]) / deviation[i % 3]
      }
      return Tensor(values, shape: [1, crop, crop, 3])
    }
  }

  private struct Config: Decodable {
    var size: Size
    var cropSize: Size
    var imageMean: [Float]
    var imageStd: [Float]
  }

  /// One number, `{"shortest_edge": n}` or `{"height": n, "width": n}`.
  private struct Size: Decodable {
    let side: Int

    private enum Key: CodingKey { case shortestEdge, height }

    init(from decoder: any Decoder) throws {
      if let side = try? decoder.singleValueContainer().decode(Int.self) {
        self.side = side
        return
      }
      let fields = try decoder.container(keyedBy: Key.self)
      side =
        try fields.decodeIfPresent(Int.self, forKey: .shortestEdge)
        ?? fields.decode(Int.self, forKey: .height)
    }
  }
}
