import Contract
import Diffusion
import Foundation
import Imaging
import Testing

@Suite struct PictureMetadataTests {
  private func metadata(_ prompt: String, negative: String = "", model: String = "starter")
    -> PictureMetadata
  {
    PictureMetadata(
      prompt: prompt, seed: 9654,
      TextToImage.Settings(
        width: 64, height: 48, sampler: .dpmpp2m, steps: 20, guidance: 7.5,
        negativePrompt: negative), model: model, modelHash: "abc")
  }

  @Test func `P32 the field's own pattern reads every pair back`() throws {
    let text = metadata("a zq dog, 8k: sharp", negative: "blurry", model: "odd, name").parameters
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines[0] == "a zq dog, 8k: sharp")
    #expect(lines[1] == "Negative prompt: blurry")
    let pattern = try Regex(#"\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)"#)
    let pairs = lines[2].matches(of: pattern).map { match in
      [match.output[1].substring, match.output[2].substring].map { String($0 ?? "") }
    }
    #expect(
      pairs == [
        ["Steps", "20"], ["Sampler", "DPM++ 2M"], ["Schedule type", "Karras"],
        ["CFG scale", "7.5"], ["Seed", "9654"], ["Size", "64x48"], ["Model", "\"odd, name\""],
        ["Version", "dreambooth 0.1.0"],
      ])
  }

  @Test func `the json chunk holds every setting`() throws {
    let texts = try metadata("a").texts
    #expect(texts.map(\.keyword) == ["dreambooth", "parameters"])
    let fields = try JSONSerialization.jsonObject(with: Data(texts[0].value.utf8)) as? [String: Any]
    #expect(fields?["seed"] as? Int == 9654)
    #expect(fields?["noise"] as? String == "philox4x32-10")
    #expect(fields?["model_hash"] as? String == "abc")
  }
}
