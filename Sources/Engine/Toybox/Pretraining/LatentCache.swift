import Foundation
import Models
import Tensors
import Weights

/// The world's pictures as the denoiser sees them: latents of unit variance and caption states, each
/// computed once.
struct LatentCache {
  /// Scaled latents, `[N, H, W, C]`
  let latents: Tensor
  /// 1 / standard deviation of the encoder's latents
  let scalingFactor: Float

  private static let batch = 40

  /// Opens the cache of a workshop, or makes it.
  init(_ workshop: StarterWorkshop, vae: AutoencoderKL, world: ToyGrammar) throws {
    if !(try workshop.isDone("latents")) {
      workshop.log("latents: encoding \(workshop.plan.pictures) pictures")
      var writer = SafetensorsWriter(metadata: try workshop.partMetadata)
      writer.add("latents", Self.encode(workshop.plan, vae, world))
      try writer.write(to: workshop.newPart("latents"))
    }
    scalingFactor = try Self.scalingFactor(of: workshop)
    latents = try SafetensorsFile(workshop.part("latents")).tensor("latents") * scalingFactor
  }

  /// 1 / standard deviation of the workshop's latents.
  static func scalingFactor(of workshop: StarterWorkshop) throws -> Float {
    let raw = try SafetensorsFile(workshop.part("latents")).tensor("latents")
    return 1 / mean(square(raw - mean(raw).item)).item.squareRoot()
  }

  /// - Returns: latents of the pictures with these numbers, `[B, H, W, C]`
  func batch(_ indices: [Int]) -> Tensor {
    gatherRows(latents, indices)
  }

  private static func encode(_ plan: StarterPlan, _ vae: AutoencoderKL, _ world: ToyGrammar)
    -> Tensor
  {
    withoutGradients {
      concatenated(
        stride(from: 0, to: plan.pictures, by: batch).map { first in
          let pictures = (first..<min(first + batch, plan.pictures)).map {
            ToyRenderer.render(world.example($0).photo, side: plan.sizes.side)
          }
          return vae.encode(ToyPictures.tensor(pictures)).mean
        }, axis: 0)
    }
  }
}

/// States of captions by the frozen text encoder.
struct CaptionStates {
  private let table: Tensor
  private let rows: [String: Int]
  private let width: [Int]

  /// - Parameter captions: every caption that will be asked for
  init(_ captions: some Sequence<String>, encoder: CLIPTextModel) {
    let distinct = Set(captions).sorted()
    rows = Dictionary(uniqueKeysWithValues: distinct.enumerated().map { ($1, $0) })
    table = withoutGradients {
      concatenated(
        stride(from: 0, to: distinct.count, by: 64).map { first in
          encoder(
            distinct[first..<min(first + 64, distinct.count)].map(StarterTokenizer.tokenizer.encode)
          )
        }, axis: 0)
    }
    width = table.shape.dims
  }

  /// - Returns: text states, `[B, T, D]`
  func batch(_ captions: [String]) -> Tensor {
    gatherRows(
      table,
      captions.map { caption in
        guard let row = rows[caption] else {
          preconditionFailure("CaptionStates: '\(caption)' was not announced")
        }
        return row
      })
  }
}

/// Copies entries of the first axis.
private func gatherRows(_ source: Tensor, _ rows: [Int]) -> Tensor {
  let count = source.count / source.shape[0]
  let result = Tensor(uninitialized: Shape([rows.count] + source.shape.dims.dropFirst()))
  source.withFloats { source in
    result.withMutableFloats { result in
      for (i, row) in rows.enumerated() {
        let range = row * count..<(row + 1) * count
        _ = UnsafeMutableBufferPointer(rebasing: result[i * count..<(i + 1) * count])
          .update(fromContentsOf: UnsafeBufferPointer(rebasing: source[range]))
      }
    }
  }
  return result
}
