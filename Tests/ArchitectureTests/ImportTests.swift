import Testing

/// Who may import whom (docs/ARCHITECTURE.md, section 3). The compiler misses imports that are declared
/// only transitively, so the lines are read.
@Suite struct ImportTests {
  static let everywhere: Set<String> = ["Foundation", "Glibc", "Dispatch", "Synchronization"]

  static let engine: Set<String> = [
    "Imaging", "Tensors", "Weights", "Models", "Diffusion", "Evaluation", "Training", "Toybox",
  ]
  static let service: Set<String> = ["HTTP", "Storage", "Jobs", "API"]

  static let allowed: [String: Set<String>] = [
    "Contract": [],
    "HTTP": [
      "Hummingbird", "HummingbirdCore", "NIOCore", "NIOPosix", "NIOHTTP1", "HTTPTypes",
      "NIOHTTPTypes", "Logging", "Crypto",
    ],
    "Storage": ["Contract", "GRDB", "Crypto", "Logging"],
    "Jobs": ["Contract", "Storage", "CLinux", "Crypto", "Logging"],
    "API": ["Contract", "HTTP", "Storage", "Jobs", "Crypto", "Logging", "Yams"],
    "Imaging": ["CCodecs", "Contract"],
    "Tensors": ["CKernels"],
    "Weights": ["Tensors", "Crypto"],
    "Models": ["Tensors", "Weights"],
    "Diffusion": ["Contract", "Imaging", "Tensors", "Weights", "Models"],
    "Evaluation": ["Contract", "Imaging", "Tensors", "Weights", "Models", "Diffusion"],
    "Training": [
      "Contract", "Imaging", "Tensors", "Weights", "Models", "Diffusion", "Evaluation", "Crypto",
    ],
    "Toybox": [
      "Contract", "Imaging", "Tensors", "Weights", "Models", "Diffusion", "Evaluation", "Training",
      "Crypto",
    ],
  ]

  @Test func `each target imports only what the table allows`() throws {
    let files = try SourceTree.files(in: "Sources")
    #expect(files.count > 50)
    for file in files where file.target != "App" {
      let table = try #require(Self.allowed[file.target], "\(file.path): target not in the table")
      for module in file.imports where module != file.target {
        #expect(
          table.contains(module) || Self.everywhere.contains(module),
          "\(file.path) imports \(module)")
      }
    }
  }

  @Test func `service and engine never import each other`() throws {
    for file in try SourceTree.files(in: "Sources/Service") {
      #expect(Self.engine.isDisjoint(with: file.imports), "\(file.path)")
    }
    for file in try SourceTree.files(in: "Sources/Engine") {
      #expect(Self.service.isDisjoint(with: file.imports), "\(file.path)")
    }
  }

  @Test func `no package interface shows a type of another project`() throws {
    for file in try SourceTree.files(in: "Sources") {
      for line in file.lines where line.hasPrefix("package import ") {
        let module = line.dropFirst("package import ".count).split(separator: ".").first ?? ""
        // Logging is the ecosystem's common vocabulary: a logger is handed down like a clock.
        let own = Self.engine.union(Self.service).union(["Contract", "Foundation", "Logging"])
        #expect(own.contains(String(module)), "\(file.path): \(line)")
      }
    }
  }
}
