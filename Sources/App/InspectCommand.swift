import ArgumentParser
import Diffusion
import Foundation
import Weights

/// Says what is in weight files, and what is missing or left over beside another model.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Lists keys, shapes, dtypes and metadata of safetensors files.",
    discussion: """
      PATH is a file or a folder, which is searched. With --against a single-file checkpoint, an
      adapter or an embedding is held against the layers of MODEL, any other file against the most
      similar file of MODEL; the exit code is 1 if anything is missing, left over or has another
      shape.
      """)

  @Argument(help: "Safetensors files or folders.")
  var paths: [String]
  @Option(help: "The model whose keys and shapes are expected.")
  var against: String?

  func run() throws { try UsageError.forInput(inspect) }

  private func inspect() throws {
    let files = try paths.flatMap(Self.files)
    guard let against else {
      for file in files { Self.describe(file) }
      return
    }
    let model = try ModelArgument.url(against)
    let (expected, shapes) = (try Self.files(model.path), try? Self.shapes(model))
    let reports = files.map {
      shapes?.faults(of: $0) ?? Self.differences(of: $0, among: expected)
    }
    for (file, report) in zip(files, reports) {
      print("\(file.url.path): \(report.isEmpty ? "same keys and shapes" : "differs")")
      for line in report { print("  \(line)") }
    }
    if reports.contains(where: { !$0.isEmpty }) { throw ExitCode(1) }
  }

  /// nil for what is no whole model: the folder of one component.
  private static func shapes(_ model: URL) throws -> ModelShapes {
    try ModelShapes(model, ModelArgument.options(prediction: .epsilon))
  }

  /// Every safetensors file at or under a path, in order of name.
  private static func files(_ path: String) throws -> [SafetensorsFile] {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw UsageError("\(path): no such file or folder")
    }
    guard isFolder.boolValue else { return [try SafetensorsFile(URL(fileURLWithPath: path))] }
    let names = try FileManager.default.subpathsOfDirectory(atPath: path)
      .filter { $0.hasSuffix(".safetensors") }.sorted()
    guard !names.isEmpty else { throw UsageError("\(path): no safetensors file in it") }
    return try names.map {
      try SafetensorsFile(URL(fileURLWithPath: path).appendingPathComponent($0))
    }
  }

  private static func describe(_ file: SafetensorsFile) {
    print(file.url.path)
    for (key, value) in file.metadata.sorted(by: { $0.key < $1.key }) {
      print("  metadata \(key) = \(value)")
    }
    var (values, bytes) = (0, 0)
    for key in file.keys {
      guard let entry = file[key] else { continue }
      print("  \(key) \(entry.dtype.rawValue) \(entry.shape)")
      values += entry.shape.reduce(1, *)
      bytes += entry.range.count
    }
    print("  \(file.keys.count) tensors, \(values) values, \(bytes) bytes")
  }

  private static func differences(
    of file: SafetensorsFile, among models: [SafetensorsFile]
  ) -> [String] {
    let keys = Set(file.keys)
    let shared = models.map { keys.intersection($0.keys).count }
    guard let most = shared.max(), let index = shared.firstIndex(of: most) else { return [] }
    let model = models[index]
    var lines = most == 0 ? ["no key in common with \(model.url.path)"] : []
    lines += model.keys.filter { file[$0] == nil }.map { "missing \($0)" }
    lines += file.keys.filter { model[$0] == nil }.map { "left over \($0)" }
    for key in file.keys {
      guard let found = file[key]?.shape, let wanted = model[key]?.shape else { continue }
      if found != wanted { lines.append("\(key) has shape \(found), expected \(wanted)") }
    }
    return lines
  }
}
