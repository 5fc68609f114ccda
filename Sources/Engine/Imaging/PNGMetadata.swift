import Foundation

/// What a generated picture says of itself: the text that AUTOMATIC1111's web UI and others read
/// (`parameters`), and our own JSON with all settings (`dreambooth`), which is authoritative.
///
/// The reader takes the last line for settings if at least three pairs match
/// `\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)`; the pairs without default below make five.
package struct PNGMetadata: Equatable, Sendable {
  package var prompt: String
  package var negativePrompt = ""
  package var steps: Int
  /// In A1111's words; see `sampler(_:)`.
  package var sampler: String
  /// `Karras`, `Exponential`; absent reads as Automatic.
  package var scheduleType: String?
  package var guidance: Float
  package var seed: UInt64
  package var width: Int
  package var height: Int
  /// First ten hex digits of the SHA-256 of a single-file checkpoint; absent for a folder.
  package var modelHash: String?
  package var model: String?
  /// Image to image only.
  package var denoisingStrength: Float?
  package var clipSkip = 1
  /// Name and first twelve hex digits of the SHA-256 of the tensors' bytes.
  package var loraHashes: [(name: String, hash: String)] = []
  package var version: String

  package init(
    prompt: String, steps: Int, sampler: String, guidance: Float, seed: UInt64, width: Int,
    height: Int, version: String
  ) {
    self.prompt = prompt
    self.steps = steps
    self.sampler = sampler
    self.guidance = guidance
    self.seed = seed
    self.width = width
    self.height = height
    self.version = version
  }

  package static func == (a: PNGMetadata, b: PNGMetadata) -> Bool { a.parameters == b.parameters }

  /// A1111's name of a sampler; it knows no DDPM, which keeps its own.
  package static func sampler(_ name: String) -> String {
    let names = [
      "ddim": "DDIM", "ddpm": "DDPM", "pndm": "PLMS", "euler": "Euler", "euler_a": "Euler a",
      "dpmpp_2m": "DPM++ 2M", "unipc": "UniPC",
    ]
    return names[name] ?? name
  }

  /// The chunks, to be written in this order.
  /// - Parameter dreambooth: one JSON object
  package func texts(dreambooth: String) -> [PNGEncoder.Text] {
    [
      PNGEncoder.Text("dreambooth", dreambooth, isInternational: true),
      PNGEncoder.Text("parameters", parameters),
    ]
  }

  /// Prompt, negative prompt if there is one, settings line.
  package var parameters: String {
    var lines = [prompt]
    if !negativePrompt.isEmpty { lines.append("Negative prompt: " + negativePrompt) }
    lines.append(settings)
    return lines.joined(separator: "\n")
  }

  private var settings: String {
    let loras = loraHashes.map { lora in
      lora.name.filter { $0 != ":" && $0 != "," } + ": " + lora.hash
    }
    let pairs: [(String, String?)] = [
      ("Steps", "\(steps)"), ("Sampler", sampler), ("Schedule type", scheduleType),
      ("CFG scale", number(guidance)), ("Seed", "\(seed)"), ("Size", "\(width)x\(height)"),
      ("Model hash", modelHash), ("Model", model),
      ("Denoising strength", denoisingStrength.map(number)),
      ("Clip skip", clipSkip > 1 ? "\(clipSkip)" : nil),
      ("Lora hashes", loras.joined(separator: ", ")), ("Version", version),
    ]
    return pairs.compactMap { key, value in
      guard let value, !value.isEmpty else { return nil }
      return "\(key): \(quoted(value))"
    }.joined(separator: ", ")
  }

  private func number(_ value: Float) -> String {
    value == value.rounded() && abs(value) < 1e6 ? "\(Int(value))" : "\(value)"
  }

  /// As a JSON string where the reader would end the value too early; it unquotes what begins and ends
  /// with a quotation mark.
  private func quoted(_ value: String) -> String {
    guard value.contains(where: { ",:\"\n\r".contains($0) }) else { return value }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    // A string always encodes; the fallback keeps the line readable.
    guard let data = try? encoder.encode(value) else {
      return value.filter { !",:\"".contains($0) }
    }
    return String(decoding: data, as: UTF8.self)
  }
}
