import Foundation
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct ModelFolderTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func shard(_ name: String, _ keys: [String]) throws {
    var writer = SafetensorsWriter()
    for key in keys { writer.add(key, Tensor([1], shape: [1])) }
    try writer.write(to: folder.file(name))
  }

  private func index(_ map: String) throws {
    _ = try folder.write(
      "model.safetensors.index.json", Array(#"{"metadata":{},"weight_map":\#(map)}"#.utf8))
  }

  @Test func `the index that is written names the parts of a pipeline`() throws {
    try ModelFolder.writeIndex(to: folder.url)
    let model = try ModelFolder(folder.url)
    #expect(
      model.components.mapValues(\.className) == [
        "scheduler": "DDIMScheduler", "text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer",
        "unet": "UNet2DConditionModel", "vae": "AutoencoderKL",
      ])
    #expect(try model.folder("unet").lastPathComponent == "unet")
    #expect(throws: WeightError.self) { try model.folder("safety_checker") }
  }

  @Test(arguments: [
    ("[]", "not a JSON object"), ("{}", "_class_name"),
    (#"{"_class_name":"StableDiffusionXLPipeline"}"#, "'StableDiffusionPipeline' is supported"),
  ])
  func `an index of something else is refused`(json: String, reason: String) throws {
    _ = try folder.write("model_index.json", Array(json.utf8))
    let error = #expect(throws: WeightError.self) { try ModelFolder(folder.url) }
    #expect(error?.description.contains(reason) == true)
  }

  @Test func `shards are read as one model`() throws {
    try shard("model-00001-of-00002.safetensors", ["a"])
    try shard("model-00002-of-00002.safetensors", ["b"])
    try index(
      #"{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}"#)
    let files = try ModelFolder.weights(in: folder.url, name: "model")
    #expect(files.flatMap(\.keys) == ["a", "b"])
  }

  @Test(arguments: [
    (#"{"a":"../m.safetensors"}"#, "beside it"), (#"{"a":"m.bin"}"#, "beside it"),
    (#"{"a":"m.safetensors"}"#, "tensor 'b' lies in"), ("{}", "no weight_map"),
  ])
  func `an index that does not describe its shards is refused`(
    map: String, reason: String
  ) throws {
    try shard("m.safetensors", ["a", "b"])
    try index(map)
    let error = #expect(throws: WeightError.self) {
      try ModelFolder.weights(in: folder.url, name: "model")
    }
    #expect(error?.description.contains(reason) == true)
  }

  @Test func `a folder with pickles only is refused with advice`() throws {
    _ = try folder.write("pytorch_model.bin", [1, 2, 3])
    let error = #expect(throws: WeightError.self) {
      try ModelFolder.weights(in: folder.url, name: "model")
    }
    #expect(error?.description.contains("is a pickle") == true)
  }

  @Test func `an empty folder and no folder are told apart`() throws {
    let empty = #expect(throws: WeightError.self) {
      try ModelFolder.weights(in: folder.url, name: "model")
    }
    #expect(empty?.description.contains("no such file") == true)
    let absent = #expect(throws: WeightError.self) {
      try ModelFolder.weights(in: folder.file("unet"), name: "model")
    }
    #expect(absent?.description.contains("no such folder") == true)
  }
}
