import Foundation
import Tensors
import TestSupport
import Testing
import Weights

@Suite struct WeightLedgerTests {
  private let folder: TemporaryFolder
  private let file: SafetensorsFile

  init() throws {
    folder = try TemporaryFolder()
    var writer = SafetensorsWriter()
    writer.add("block.0.weight", Tensor([1, 2, 3, 4], shape: [2, 2]), as: .bf16)
    writer.add("block.0.bias", Tensor([5, 6], shape: [2]), as: .f16)
    writer.add("ids", integers: [0], shape: [1])
    try writer.write(to: folder.file("m.safetensors"))
    file = try SafetensorsFile(folder.file("m.safetensors"))
  }

  @Test func `a scope gives the tensor at its path`() throws {
    let w = WeightLedger(file: file).root / "block" / 0
    #expect(w.path == "block.0")
    #expect(try w.tensor("weight", shape: [2, 2], initial: .zeros).values == [1, 2, 3, 4])
    #expect(w.parameters.map(\.key) == ["block.0.weight"])
    #expect(w.parameters.first?.storedDType == .bf16)
  }

  @Test func `missing key, wrong shape and unused key are three errors that name the key`() throws {
    let ledger = WeightLedger(file: file)
    let w = ledger.root / "block" / 0
    #expect(throws: WeightError.missing(key: "block.0.scale")) {
      try w.tensor("scale", shape: [2], initial: .ones)
    }
    #expect(
      throws: WeightError.shapeMismatch(key: "block.0.weight", expected: [2, 3], found: [2, 2])
    ) { try w.tensor("weight", shape: [2, 3], initial: .ones) }
    _ = try w.tensor("weight", shape: [2, 2], initial: .zeros)
    #expect(throws: WeightError.unused(keys: ["block.0.bias"])) {
      try ledger.requireAllUsed(except: ["ids"])
    }
    _ = try w.tensor("bias", shape: [2], initial: .zeros)
    #expect(throws: WeightError.unused(keys: ["ids"])) { try ledger.requireAllUsed() }
    try ledger.requireAllUsed(except: ["ids"])
  }

  @Test func `whole numbers are no weights`() throws {
    let ledger = WeightLedger(file: file)
    #expect(
      throws: WeightError.unsupportedDType(key: "ids", dtype: "I64", wanted: "F32, F16 or BF16")
    ) { try ledger.root.tensor("ids", shape: [1], initial: .zeros) }
  }

  @Test func `bf16 keeps matrices small and vectors exact`() throws {
    let w = WeightLedger(file: file, dtype: .bf16).root / "block.0"
    #expect(try w.tensor("weight", shape: [2, 2], initial: .zeros).dtype == .bf16)
    #expect(try w.tensor("bias", shape: [2], initial: .zeros).dtype == .f32)
  }

  @Test func `a random tensor depends on seed and key alone`() throws {
    func draw(_ seed: UInt64, _ keys: [String]) throws -> [[Float]] {
      let root = WeightLedger(random: Philox(seed: seed)).root
      return try keys.map { try root.tensor($0, shape: [4], initial: .fanIn(4)).values }
    }
    let both = try draw(1, ["a", "b"])
    #expect(try draw(1, ["b"]) == [both[1]])
    #expect(both[0] != both[1])
    #expect(try draw(2, ["a"]) != [both[0]])
    #expect(both.joined().allSatisfy { abs($0) <= 0.5 })
  }

  @Test func `first values have the moments they are named for`() throws {
    let root = WeightLedger(random: Philox(seed: 3)).root
    let uniform = try root.tensor("u", shape: [100, 100], initial: .fanIn(100)).values
    #expect(uniform.allSatisfy { abs($0) <= 0.1 })
    // Deviation of the uniform distribution in ±0.1; the estimate's own error is 0.0004.
    #expect(abs(deviation(uniform) - 0.1 / 3.0.squareRoot()) < 0.002)
    let normal = try root.tensor("n", shape: [100, 100], initial: .normal(deviation: 0.02)).values
    #expect(abs(deviation(normal) - 0.02) < 0.0008)
    #expect(try root.tensor("o", shape: [2], initial: .ones).values == [1, 1])
    #expect(try root.tensor("c", shape: [], initial: .constant(2.5)).item == 2.5)
  }

  private func deviation(_ values: [Float]) -> Double {
    (values.reduce(0.0) { $0 + Double($1) * Double($1) } / Double(values.count)).squareRoot()
  }

  @Test func `an untouched model is saved with its keys, shapes, formats and bits`() throws {
    let ledger = WeightLedger(file: file)
    let w = ledger.root / "block.0"
    _ = try w.tensor("bias", shape: [2], initial: .zeros)
    _ = try w.tensor("weight", shape: [2, 2], initial: .zeros)
    try ledger.parameters.save(to: folder.file("copy.safetensors"))
    let copy = try SafetensorsFile(folder.file("copy.safetensors"))
    #expect(copy.keys == ["block.0.bias", "block.0.weight"])
    for key in copy.keys {
      #expect(copy[key]?.dtype == file[key]?.dtype)
      #expect(copy[key]?.shape == file[key]?.shape)
      #expect(try copy.bytes(key) == file.bytes(key))
    }
  }
}
