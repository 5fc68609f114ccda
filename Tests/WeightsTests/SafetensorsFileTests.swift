import Foundation
import Tensors
import TestSupport
import Testing
import Weights

/// A file of this header and so many zero bytes of data.
func safetensors(_ header: String, data: Int) -> [UInt8] {
  let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { [UInt8]($0) }
  return length + Array(header.utf8) + [UInt8](repeating: 0, count: data)
}

func f32(_ begin: Int, _ end: Int, shape: String = "[1]") -> String {
  #"{"dtype":"F32","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
}

@Suite struct SafetensorsFileTests {
  static let hostile: [(name: String, bytes: [UInt8], reason: String)] = [
    ("empty", [], "header"),
    ("eight bytes", [UInt8](repeating: 0, count: 8), "header"),
    ("header longer than the file", Array(safetensors("{}", data: 0).dropLast()) + [], "header"),
    ("header of 2^63 bytes", [0, 0, 0, 0, 0, 0, 0, 0x80] + Array("{}".utf8), "header"),
    ("header above 16 MiB", [1, 0, 0, 1, 0, 0, 0, 0] + Array("{}".utf8), "header"),
    ("no object", safetensors("[]", data: 0), "header"),
    ("text", Array("hello, this is a text file".utf8), "header"),
    ("LFS pointer", Array("version https://git-lfs.github.com/spec/v1".utf8), "LFS"),
    ("unfinished JSON", safetensors(#"{"a":"#, data: 0), "'{' expected"),
    ("text after JSON", safetensors("{} x", data: 0), "after the end"),
    ("duplicate key", safetensors(#"{"a":\#(f32(0, 4)),"a":\#(f32(0, 4))}"#, data: 4), "twice"),
    (
      "duplicate key, escaped",
      safetensors(#"{"a":\#(f32(0, 4)),"\u0061":\#(f32(0, 4))}"#, data: 4),
      "twice"
    ),
    (
      "duplicate field",
      safetensors(#"{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}"#, data: 4),
      "twice"
    ),
    (
      "unknown field",
      safetensors(#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}"#, data: 4),
      "field 'x'"
    ),
    ("missing field", safetensors(#"{"a":{"dtype":"F32","shape":[1]}}"#, data: 4), "data_offsets"),
    (
      "unknown dtype",
      safetensors(#"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#, data: 4),
      "F31"
    ),
    ("negative side", safetensors(#"{"a":\#(f32(0, 4, shape: "[-1]"))}"#, data: 4), "whole number"),
    ("fraction", safetensors(#"{"a":\#(f32(0, 4, shape: "[1.0]"))}"#, data: 4), "']' expected"),
    ("leading zero", safetensors(#"{"a":\#(f32(0, 4, shape: "[01]"))}"#, data: 4), "whole number"),
    (
      "number above 2^63",
      safetensors(#"{"a":\#(f32(0, 4, shape: "[99999999999999999999]"))}"#, data: 4), "whole number"
    ),
    (
      "product overflows",
      safetensors(#"{"a":\#(f32(0, 4, shape: "[4611686018427387904,4]"))}"#, data: 4), "too large"
    ),
    (
      "rank 9", safetensors(#"{"a":\#(f32(0, 4, shape: "[1,1,1,1,1,1,1,1,1]"))}"#, data: 4),
      "rank 9"
    ),
    ("offsets do not fit shape", safetensors(#"{"a":\#(f32(0, 8))}"#, data: 8), "needs 4 bytes"),
    ("reversed offsets", safetensors(#"{"a":\#(f32(4, 0))}"#, data: 4), "needs 4 bytes"),
    ("overlap", safetensors(#"{"a":\#(f32(0, 4)),"b":\#(f32(0, 4))}"#, data: 4), "overlaps"),
    ("hole", safetensors(#"{"a":\#(f32(0, 4)),"b":\#(f32(8, 12))}"#, data: 12), "hole"),
    ("trailing byte", safetensors(#"{"a":\#(f32(0, 4))}"#, data: 5), "5 follow"),
    ("data cut short", safetensors(#"{"a":\#(f32(0, 4))}"#, data: 3), "3 follow"),
    ("metadata is no text", safetensors(#"{"__metadata__":{"a":1}}"#, data: 0), "'\"' expected"),
    ("metadata twice", safetensors(#"{"__metadata__":{},"__metadata__":{}}"#, data: 0), "twice"),
    ("control character", safetensors("{\"a\nb\":\(f32(0, 4))}", data: 4), "control character"),
    ("lone surrogate", safetensors(#"{"\ud800":\#(f32(0, 4))}"#, data: 4), "surrogate"),
    ("not UTF-8", safetensors("", data: 0) + [], "header"),
  ]

  @Test func `what the reference reads is read`() throws {
    let folder = try TemporaryFolder()
    let empty = f32(0, 0, shape: "[0]")
    for (index, header) in [
      #"{"__metadata__": null,"a":\#(f32(0, 4))}"#, #"{"a":\#(f32(0, 4)),"__metadata__" : null }"#,
      #"{"e":\#(empty),"a":\#(f32(0, 4)),"f":\#(empty)}"#,
      #"{"v_pred":\#(f32(4, 4, shape: "[0]")),"a":\#(f32(0, 4)),"z":\#(f32(4, 4, shape: "[2,0]"))}"#,
    ].enumerated() {
      let file = try SafetensorsFile(folder.write("\(index)", safetensors(header, data: 4)))
      #expect(file["a"]?.shape == [1])
      #expect(file.metadata.isEmpty)
    }
  }

  @Test(
    arguments: [
      ("I64", [16, 0, 0, 0, 0, 0, 0, 0], 16), ("I32", [0xFD, 0xFF, 0xFF, 0xFF], -3),
      ("I16", [8, 0], 8),
      ("I8", [4], 4), ("U64", [1, 0, 0, 0, 0, 0, 0, 0], 1), ("U32", [2, 0, 0, 0], 2),
      ("U16", [3, 0], 3),
      ("U8", [200], 200), ("F16", [0, 0x3C], 1), ("BF16", [0, 0x40], 2),
      ("F32", [0, 0, 0x80, 0x3F], 1),
      ("F64", [0, 0, 0, 0, 0, 0, 0x10, 0x40], 4),
    ] as [(String, [UInt8], Float)])
  func `a number is read in whatever format it has`(
    format: String, bytes: [UInt8], value: Float
  ) throws {
    let folder = try TemporaryFolder()
    for shape in ["[]", "[1]", "[1,1]"] {
      let header =
        #"{"alpha":{"dtype":"\#(format)","shape":\#(shape),"data_offsets":[0,\#(bytes.count)]}}"#
      let file = try folder.write("n", safetensors(header, data: 0) + bytes)
      #expect(try SafetensorsFile(file).number("alpha") == value)
    }
    let pair =
      #"{"alpha":{"dtype":"\#(format)","shape":[2],"data_offsets":[0,\#(2 * bytes.count)]}}"#
    let file = try folder.write("p", safetensors(pair, data: 0) + bytes + bytes)
    #expect(throws: WeightError.self) { try SafetensorsFile(file).number("alpha") }
  }

  @Test(arguments: hostile.indices)
  func `a hostile file is refused with its fault`(index: Int) throws {
    let (name, bytes, reason) = Self.hostile[index]
    let folder = try TemporaryFolder()
    let url = try folder.write("model.safetensors", bytes)
    let error = #expect(throws: WeightError.self, "\(name)") { try SafetensorsFile(url) }
    guard case .malformed(_, let text) = error else {
      Issue.record("\(name): \(String(describing: error))")
      return
    }
    #expect(text.contains(reason), "\(name)")
  }

  @Test(arguments: [
    Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 30),
    [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19],
  ])
  func `P38 E7 a pickle is refused by content, with advice`(bytes: [UInt8]) throws {
    let folder = try TemporaryFolder()
    let url = try folder.write("model.safetensors", bytes)
    let error = #expect(throws: WeightError.self) { try SafetensorsFile(url) }
    guard case .pickle = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(error?.description.contains("convert it to safetensors") == true)
  }

  @Test func `a header of 640 bytes is not taken for a pickle`() throws {
    let folder = try TemporaryFolder()
    let header = #"{"a":\#(f32(0, 4))}"#
    let padded = header + String(repeating: " ", count: 640 - header.utf8.count)
    let url = try folder.write("model.safetensors", safetensors(padded, data: 4))
    #expect(try SafetensorsFile(url).keys == ["a"])
  }

  @Test func `every number format that weights come in is read`() throws {
    let folder = try TemporaryFolder()
    let header = """
      {"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},\
      "b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]},\
      "c":{"dtype":"BF16","shape":[],"data_offsets":[12,14]},\
      "d":{"dtype":"I64","shape":[1],"data_offsets":[14,22]}}
      """
    var bytes = Array(safetensors(header, data: 0))
    withUnsafeBytes(of: 1.5) { bytes += $0 }
    for half in [Float16(-2), 0.25] { withUnsafeBytes(of: half) { bytes += $0 } }
    bytes += [0x80, 0x3F]
    withUnsafeBytes(of: Int64(-7)) { bytes += $0 }
    let file = try SafetensorsFile(try folder.write("x.safetensors", bytes))
    #expect(try file.tensor("a").values == [1.5])
    #expect(try file.tensor("b").values == [-2, 0.25])
    #expect(try file.tensor("c", as: .bf16).dtype == .bf16)
    #expect(try file.tensor("c").values == [1])
    #expect(try file.integers("d") == [-7])
    #expect(
      throws: WeightError.unsupportedDType(key: "d", dtype: "I64", wanted: "F32, F16 or BF16")
    ) {
      try file.tensor("d")
    }
    #expect(throws: WeightError.missing(key: "e")) { try file.tensor("e") }
  }

  @Test func `a missing file and a folder are told apart`() throws {
    let folder = try TemporaryFolder()
    #expect(throws: WeightError.self) { try SafetensorsFile(folder.file("absent.safetensors")) }
    let error = #expect(throws: WeightError.self) { try SafetensorsFile(folder.url) }
    #expect(error?.description.contains("not an ordinary file") == true)
  }
}
