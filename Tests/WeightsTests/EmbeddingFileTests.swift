import Foundation
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct EmbeddingFileTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func embedding(_ count: Int) -> LearnedEmbedding {
    LearnedEmbedding(
      token: "<zq>", vectors: Philox(seed: 1).draw(.test).normal(Shape([count, 8])))
  }

  @Test(arguments: [1, 4])
  func `P39 both forms give back the rows and the word`(count: Int) throws {
    let written = embedding(count)
    let url = folder.file("toy.safetensors")
    try EmbeddingFile.writeDiffusers(written, to: url)
    #expect(try SafetensorsFile(url).keys == ["<zq>"])
    for _ in 0..<2 {
      let read = try EmbeddingFile.read(url, width: 8)
      #expect(read.token == "<zq>" && read.vectors.shape == Shape([count, 8]))
      #expect(read.vectors.values == written.vectors.values)
      try EmbeddingFile.writeKohya(written, to: url)
    }
    #expect(try SafetensorsFile(url).keys == ["emb_params"])
    #expect(try EmbeddingFile.read(url, token: "mine", width: 8).token == "mine")
  }

  @Test func `one vector without an axis for it is read, and the file's name is the word`() throws {
    var writer = SafetensorsWriter()
    writer.add("emb_params", Tensor.full([8], 2))
    try writer.write(to: folder.file("my-dog.safetensors"))
    let read = try EmbeddingFile.read(folder.file("my-dog.safetensors"), width: 8)
    #expect(read.token == "my-dog" && read.vectors.shape == [1, 8])
  }

  @Test func `P39 rows of another width, several tensors and pickles are refused`() throws {
    let url = folder.file("toy.safetensors")
    try EmbeddingFile.writeKohya(embedding(2), to: url)
    #expect(
      throws: WeightError.shapeMismatch(key: "emb_params", expected: [2, 12], found: [2, 8])
    ) { try EmbeddingFile.read(url, width: 12) }
    var writer = SafetensorsWriter()
    writer.add("clip_g", Tensor.zeros([1, 8]))
    writer.add("clip_l", Tensor.zeros([1, 8]))
    try writer.write(to: url)
    #expect(throws: WeightError.self) { try EmbeddingFile.read(url, width: 8) }
    for (index, header) in [
      #"{"":\#(f32(0, 32, shape: "[1,8]"))}"#, #"{"  ":\#(f32(0, 32, shape: "[8]"))}"#,
      #"{"__metadata__":{"name":""},"emb_params":\#(f32(0, 32, shape: "[1,8]"))}"#,
    ].enumerated() {
      let nameless = try folder.write("e\(index)", safetensors(header, data: 32))
      let error = #expect(throws: WeightError.self) {
        try EmbeddingFile.read(nameless, width: 8)
      }
      #expect(error?.description.contains("--token") == true)
      #expect(try EmbeddingFile.read(nameless, token: "toy", width: 8).token == "toy")
    }
    let pickle = try folder.write("toy.pt", [0x50, 0x4B, 3, 4] + Array(repeating: 0, count: 40))
    #expect(throws: WeightError.pickle(file: pickle.shortName)) {
      try EmbeddingFile.read(pickle, width: 8)
    }
  }
}
