import Contract
import Foundation
import Storage
import Testing

@Suite struct ModelShelfTests {
  private func shelf(_ fixture: StorageFixture) throws -> (ModelShelf, URL) {
    let root = fixture.root.appending(path: "models")
    let model = root.appending(path: "starter")
    for folder in ["unet", "vae"] {
      try FileIO.createFolder(model.appending(path: folder))
    }
    let files = [
      "model_index.json":
        #"{"_class_name":"StableDiffusionPipeline","unet":["diffusers","UNet2DConditionModel"]}"#,
      "unet/config.json": #"{"sample_size":16}"#,
      "vae/config.json": #"{"block_out_channels":[8,16,32]}"#,
      "unet/diffusion_pytorch_model.safetensors": "weights",
      "dreambooth.json": #"{"learning_rate":0.0001,"steps":300,"prior_images":64}"#,
    ]
    for (name, text) in files { try Data(text.utf8).write(to: model.appending(path: name)) }
    try FileIO.createFolder(root.appending(path: "empty"))
    return (ModelShelf(root), model)
  }

  @Test func `a model in diffusers layout is described`() async throws {
    let fixture = try StorageFixture()
    let (shelf, _) = try shelf(fixture)
    let models = try await shelf.list()
    #expect(models.map(\.id) == ["starter"])
    let model = try #require(models.first)
    #expect(model.className == "StableDiffusionPipeline")
    #expect(model.components == ["unet": "UNet2DConditionModel"])
    #expect(model.resolution == 64)
    #expect(model.defaults?.learningRate == 0.0001)
    #expect(model.defaults?.steps == 300)
    #expect(model.defaults?.guidance == nil)
  }

  @Test func `the hash follows the content, and a changed file is seen`() async throws {
    let fixture = try StorageFixture()
    let (shelf, folder) = try shelf(fixture)
    let before = try #require(try await shelf.find("starter")).sha256
    #expect(try await shelf.find("starter")?.sha256 == before)
    let file = folder.appending(path: "unet/diffusion_pytorch_model.safetensors")
    try Data("other weights".utf8).write(to: file)
    let after = try #require(try await shelf.find("starter")).sha256
    #expect(after != before)
    try Data("{}".utf8).write(to: folder.appending(path: "dreambooth.json"))
    #expect(try await shelf.find("starter")?.sha256 == after)
  }

  @Test func `the hash is the one that the engine gives`() async throws {
    let fixture = try StorageFixture()
    let (shelf, folder) = try shelf(fixture)
    let names = [
      "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
    ]
    let lines = try names.map { name in
      "\(name) \(try FileHash.sha256(ofFile: folder.appending(path: name)))\n"
    }
    let expected = FileHash.sha256(Data(lines.joined().utf8))
    #expect(try await shelf.find("starter")?.sha256 == expected)
  }

  @Test(arguments: ["..", ".", "", "../models/starter", "/etc", "starter/unet", "empty", "absent"])
  func `P20 a name that is no model is none`(name: String) async throws {
    let fixture = try StorageFixture()
    let (shelf, _) = try shelf(fixture)
    #expect(try await shelf.find(name) == nil)
  }
}
