import Diffusion
import Foundation
import Models
import Tensors
import TestSupport
import Testing
import Weights

/// Full-size names and shapes with no values behind them: the file is a hole of the right length.
@Suite struct SingleFileInferenceTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func shapes<Model: ModelComponent>(_ type: Model.Type, _ config: Model.Config) throws
    -> [String: [Int]]
  {
    let model = try Model(WeightLedger().root, config: config)
    return Dictionary(
      uniqueKeysWithValues: model.parameters.map { ($0.key, $0.tensor.shape.dims) })
  }

  /// A safetensors file of these tensors, f16, without writing their bytes.
  private func hollow(
    _ parts: [(shapes: [String: [Int]], places: TensorPlaces)], metadata: String = ""
  ) throws -> SafetensorsFile {
    var tensors: [String: [Int]] = [:]
    for (shapes, places) in parts {
      for (key, shape) in shapes {
        guard let place = places[key] else { continue }
        tensors[place.key] =
          place.third != nil
          ? [3 * shape[0]] + shape.dropFirst() : shape + (place.isKernel ? [1, 1] : [])
      }
    }
    var (fields, offset) = ([String](), 0)
    for (key, shape) in tensors.sorted(by: { $0.key < $1.key }) {
      let end = offset + shape.reduce(2, *)
      fields.append(
        #""\#(key)":{"dtype":"F16","shape":\#(shape),"data_offsets":[\#(offset),\#(end)]}"#)
      offset = end
    }
    let json = Array("{\(metadata)\(fields.joined(separator: ","))}".utf8)
    let url = try folder.write(
      "hollow.safetensors",
      withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json)
    let handle = try FileHandle(forWritingTo: url)
    try handle.truncate(atOffset: UInt64(8 + json.count + offset))
    try handle.close()
    return try SafetensorsFile(url)
  }

  private func checkpoint(
    unet: UNetConfig, text: CLIPTextConfig, isOpen: Bool, metadata: String = ""
  ) throws -> SafetensorsFile {
    let (u, v, t) = (
      try shapes(UNet2DConditionModel.self, unet), try shapes(AutoencoderKL.self, .sd15),
      try shapes(CLIPTextModel.self, text)
    )
    return try hollow(
      [
        (u, SingleFileLayout.unet(u.keys)), (v, SingleFileLayout.vae(v.keys)),
        (t, isOpen ? SingleFileLayout.openCLIP(t.keys) : SingleFileLayout.clip(t.keys)),
      ], metadata: metadata)
  }

  private var second: (unet: UNetConfig, text: CLIPTextConfig) {
    var unet = UNetConfig.sd15
    (unet.crossAttentionDim, unet.useLinearProjection) = (1024, true)
    unet.attentionHeadDim = .each([5, 10, 20, 20])
    let text = CLIPTextConfig(
      vocabSize: 49_408, hiddenSize: 1024, intermediateSize: 4096, numHiddenLayers: 24,
      numAttentionHeads: 16, maxPositionEmbeddings: 77, hiddenAct: .gelu, bosTokenId: 0,
      eosTokenId: 2, padTokenId: 1, projectionDim: 512)
    return (unet, text)
  }

  @Test func `a checkpoint of 1_x says all of its configuration`() throws {
    let file = try checkpoint(unet: .sd15, text: .sd15, isOpen: false)
    let shapes = try ModelShapes(file.url)
    #expect(shapes.unetConfig == .sd15)
    #expect(shapes.vaeConfig == .sd15)
    #expect(shapes.textConfig == .sd15)
    #expect(shapes.schedule == .stableDiffusion())
    #expect(shapes.faults(of: file) == [])
  }

  @Test func `a checkpoint of 2_x has 64 channels a head and leaves its last text layer out`()
    throws
  {
    let file = try checkpoint(
      unet: second.unet, text: second.text, isOpen: true,
      metadata: #""__metadata__":{"modelspec.prediction_type":"v"},"#)
    let shapes = try ModelShapes(file.url)
    var expected = second.unet
    expected.sampleSize = 96
    #expect(shapes.unetConfig == expected)
    #expect(shapes.textConfig.numHiddenLayers == 23 && shapes.textConfig.hiddenAct == .gelu)
    #expect(shapes.schedule.prediction == .velocity)
    #expect(shapes.faults(of: file) == [])
  }

  @Test func `a checkpoint of 2_x that hides what it predicts is asked about`() throws {
    let file = try checkpoint(unet: second.unet, text: second.text, isOpen: true)
    let error = #expect(throws: WeightError.self) { try ModelShapes(file.url) }
    #expect(error?.description.contains("--prediction epsilon") == true)
    let shapes = try ModelShapes(file.url, SingleFileOptions(prediction: .epsilon))
    #expect(shapes.schedule.prediction == .epsilon && shapes.unetConfig.sampleSize == 64)
  }
}
