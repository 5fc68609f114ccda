package import Contract
import Foundation
package import Imaging

/// Text chunks of a generated picture: `dreambooth`, one JSON object with everything, and `parameters`, the
/// text that other tools read (api.md, section 13).
package struct PictureMetadata: Codable, Equatable, Sendable {
  package var prompt: String
  package var negativePrompt: String
  package var seed: UInt64
  package var steps: Int
  package var sampler: SamplerName
  package var guidance: Float
  package var width: Int
  package var height: Int
  package var model: String
  package var modelHash: String
  /// Training step of a preview; `nil` for a finished model.
  package var trainingStep: Int?
  package var noise = "philox4x32-10"
  package var build = EngineBuild.version

  package init(
    prompt: String, seed: UInt64, _ settings: TextToImage.Settings, model: String,
    modelHash: String, trainingStep: Int? = nil
  ) {
    (self.prompt, negativePrompt) = (prompt, settings.negativePrompt)
    (self.seed, steps, sampler) = (seed, settings.steps, settings.sampler)
    (guidance, width, height) = (settings.guidance, settings.width, settings.height)
    (self.model, self.modelHash, self.trainingStep) = (model, modelHash, trainingStep)
  }

  package var texts: [PNGEncoder.Text] {
    get throws {
      let json = try ContractJSON.encoder().encode(self)
      return [
        PNGEncoder.Text("dreambooth", String(decoding: json, as: UTF8.self), isInternational: true),
        PNGEncoder.Text("parameters", parameters),
      ]
    }
  }

  /// The settings as the field's common text: prompt, negative prompt, one line of pairs.
  package var parameters: String {
    var lines = [prompt]
    if !negativePrompt.isEmpty { lines.append("Negative prompt: \(negativePrompt)") }
    var pairs = [("Steps", "\(steps)"), ("Sampler", sampler.displayName)]
    if sampler == .dpmpp2m { pairs.append(("Schedule type", "Karras")) }
    pairs += [
      ("CFG scale", number(guidance)), ("Seed", "\(seed)"), ("Size", "\(width)x\(height)"),
      ("Model", model), ("Version", EngineBuild.version),
    ]
    lines.append(
      pairs.filter { !$0.1.isEmpty }.map { "\($0): \(quotedIfNeeded($1))" }.joined(separator: ", "))
    return lines.joined(separator: "\n")
  }

  private func number(_ x: Float) -> String { x == x.rounded() ? "\(Int(x))" : "\(x)" }

  /// A value that holds a separator is written as a JSON string.
  private func quotedIfNeeded(_ value: String) -> String {
    guard value.contains(where: { ",:\n".contains($0) }) else { return value }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? value
  }
}

extension SamplerName {
  /// The name that other tools know.
  var displayName: String {
    switch self {
    case .ddpm: "DDPM"
    case .ddim: "DDIM"
    case .euler: "Euler"
    case .eulerAncestral: "Euler a"
    case .dpmpp2m: "DPM++ 2M"
    }
  }
}
