import Foundation
import Imaging
import TestSupport
import Testing

/// What A1111's web UI makes of a `parameters` text (`parse_generation_parameters`).
private struct Reading {
  var prompt = ""
  var negative = ""
  var settings: [String: String] = [:]

  init(_ text: String) throws {
    let pattern = #"\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)"#
    let pair = try NSRegularExpression(pattern: pattern)
    func pairs(_ line: String) -> [(String, String)] {
      let matches = pair.matches(in: line, range: NSRange(line.startIndex..., in: line))
      return matches.compactMap { match in
        guard let key = Range(match.range(at: 1), in: line),
          let value = Range(match.range(at: 2), in: line)
        else { return nil }
        return (String(line[key]), String(line[value]))
      }
    }
    var lines = text.trimmingCharacters(in: .whitespacesAndNewlines).components(separatedBy: "\n")
    if let last = lines.last, pairs(last).count >= 3 {
      for (key, value) in pairs(last) {
        let isQuoted = value.hasPrefix("\"") && value.hasSuffix("\"")
        settings[key] =
          try isQuoted
          ? JSONDecoder().decode(String.self, from: Data(value.utf8)) : value
      }
      lines.removeLast()
    }
    var isNegative = false
    for line in lines.map({ $0.trimmingCharacters(in: .whitespaces) }) {
      if line.hasPrefix("Negative prompt:") {
        isNegative = true
        negative = line.dropFirst(16).trimmingCharacters(in: .whitespaces)
      } else if isNegative {
        negative += "\n" + line
      } else {
        prompt += (prompt.isEmpty ? "" : "\n") + line
      }
    }
  }
}

@Suite struct PNGMetadataTests {
  private func metadata(_ prompt: String) -> PNGMetadata {
    PNGMetadata(
      prompt: prompt, steps: 50, sampler: PNGMetadata.sampler("ddim"), guidance: 7.5, seed: 9654,
      width: 512, height: 384, version: "dreambooth 0.1.0")
  }

  @Test func `the settings line is the documented one`() {
    var toby = metadata("a photo of toby")
    toby.height = 512
    toby.loraHashes = [("toby", "1f2e3d4c5b6a")]
    #expect(
      toby.parameters == """
        a photo of toby
        Steps: 50, Sampler: DDIM, CFG scale: 7.5, Seed: 9654, Size: 512x512, \
        Lora hashes: "toby: 1f2e3d4c5b6a", Version: dreambooth 0.1.0
        """)
  }

  @Test(arguments: [
    "a dog", "a dog, in the snow: \"best\"", "zwei\nZeilen", "犬 and café",
    "Steps: 1, Seed: 2, x: 3",
    "(dog:1.2), {id} \\ / -", "",
  ])
  func `P32 A1111's pattern reads back prompt and settings from the file`(_ prompt: String) throws {
    var metadata = metadata(prompt)
    metadata.negativePrompt = "blurry, low: quality"
    metadata.scheduleType = "Karras"
    metadata.model = "my, model: \"v2\"\nnew"
    metadata.modelHash = "0123456789"
    metadata.denoisingStrength = 0.75
    metadata.clipSkip = 2
    metadata.loraHashes = [("to:b,y", "1f2e3d4c5b6a"), ("b", "000000000000")]
    let png = try PNGEncoder.encode(
      PixelBuffer(width: 2, height: 2), texts: metadata.texts(dreambooth: #"{"seed":9654}"#))
    let texts = PNGFile.texts(in: png)
    #expect(texts.map(\.keyword) == ["dreambooth", "parameters"])
    #expect(texts[0].chunk == "iTXt" && texts[0].value == #"{"seed":9654}"#)
    #expect(texts[1].chunk == (prompt.contains("犬") ? "iTXt" : "tEXt"))
    let reading = try Reading(texts[1].value)
    #expect(reading.prompt == prompt && reading.negative == "blurry, low: quality")
    #expect(
      reading.settings == [
        "Steps": "50", "Sampler": "DDIM", "Schedule type": "Karras", "CFG scale": "7.5",
        "Seed": "9654", "Size": "512x384", "Model hash": "0123456789",
        "Model": "my, model: \"v2\"\nnew", "Denoising strength": "0.75", "Clip skip": "2",
        "Lora hashes": "toby: 1f2e3d4c5b6a, b: 000000000000", "Version": "dreambooth 0.1.0",
      ])
  }

  @Test func `what has no value is left out`() throws {
    let reading = try Reading(metadata("x").parameters)
    #expect(
      Set(reading.settings.keys) == ["Steps", "Sampler", "CFG scale", "Seed", "Size", "Version"])
  }
}
