import Foundation
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct SafetensorsWriterTests {
  private func writer() -> SafetensorsWriter {
    var writer = SafetensorsWriter(metadata: ["format": "pt", "note": "a \"b\"\n\\ é"])
    writer.add("half", Tensor([1, -0.5, 3], shape: [3]), as: .f16)
    writer.add("brain", Tensor([1, -0.5], shape: [2, 1]), as: .bf16)
    writer.add("z.weight", Tensor([1e-30, 3], shape: [1, 2]))
    writer.add("ids", integers: [1, -2], shape: [2])
    writer.add("scalar", Tensor([7], shape: []))
    return writer
  }

  @Test func `what is written is read back`() throws {
    let folder = try TemporaryFolder()
    try writer().write(to: folder.file("a.safetensors"))
    let file = try SafetensorsFile(folder.file("a.safetensors"))
    #expect(file.metadata == ["format": "pt", "note": "a \"b\"\n\\ é"])
    #expect(file.keys == ["brain", "half", "ids", "scalar", "z.weight"])
    #expect(try file.tensor("half").values == [1, -0.5, 3])
    #expect(file["half"]?.dtype == .f16)
    #expect(try file.tensor("brain").values == [1, -0.5])
    #expect(file["brain"]?.shape == [2, 1])
    #expect(try file.tensor("z.weight").values == [1e-30, 3])
    #expect(try file.tensor("scalar").shape == [])
    #expect(try file.integers("ids") == [1, -2])
  }

  @Test func `the same tensors give the same bytes, aligned`() throws {
    let folder = try TemporaryFolder()
    try writer().write(to: folder.file("a.safetensors"))
    try writer().write(to: folder.file("b.safetensors"))
    #expect(
      try FileDigest.sha256(folder.file("a.safetensors"))
        == FileDigest.sha256(folder.file("b.safetensors")))
    let file = try SafetensorsFile(folder.file("a.safetensors"))
    for key in file.keys {
      let entry = try #require(file[key])
      #expect(entry.range.lowerBound % entry.dtype.byteCount == 0, "\(key)")
    }
  }

  @Test func `a failed write leaves the old file and nothing else`() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: WeightError.self) {
      try writer().write(to: folder.file("absent/a.safetensors"))
    }
    #expect(error?.description.contains("No such file") == true)

    // /dev/full takes no byte: a full disk.
    let name = "a.safetensors"
    try FileManager.default.createSymbolicLink(
      atPath: folder.file(".\(name).partial").path, withDestinationPath: "/dev/full")
    _ = try folder.write(name, [1, 2, 3])
    let full = #expect(throws: WeightError.self) { try writer().write(to: folder.file(name)) }
    #expect(full?.description.contains("No space left") == true)
    #expect(try Data(contentsOf: folder.file(name)) == Data([1, 2, 3]))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path) == [name])
  }
}
