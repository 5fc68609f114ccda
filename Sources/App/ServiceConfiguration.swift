import Foundation

/// What the service is told at start: file, then environment, then flags, each over the one before;
/// read once and validated whole.
struct ServiceConfiguration: Equatable {
  var host = "127.0.0.1"
  /// 0 takes a free port.
  var port = 8080
  var data: String
  /// Folder of base models; `nil` looks beside the program, then in the working folder.
  var models: String?
  /// Jobs that run beside each other.
  var workers = 1
  /// Threads of each worker; 0 shares the cores among the workers.
  var threads = 0
  /// File of API keys; without one the service listens on loopback only and asks for none.
  var keyFile: String?
  /// Folder with `migrations` and `openapi.yaml`; `nil` looks beside the program.
  var share: String?
  var queueLimit = 1000
  /// Bytes that must stay free on the disk of the data folder.
  var diskWatermark = 1 << 30
  var logLevel = "info"

  /// The names in the file; in the environment they are in capitals after `DREAMBOOTH_`.
  private static let names = [
    "host", "port", "data", "models", "workers", "threads", "key_file", "share", "queue_limit",
    "disk_watermark", "log_level",
  ]

  /// - Parameters:
  ///   - file: a JSON object of `names`; `nil` if there is none
  ///   - flags: by the same names; values that were given on the command line
  init(file: String?, environment: [String: String], flags: [String: String]) throws(UsageError) {
    data = Self.defaultData(environment)
    var faults: [String] = []
    if let file {
      for (name, value) in try Self.read(file) {
        apply(name, value, "\(file): \(name)", &faults)
      }
    }
    for name in Self.names {
      let variable = "DREAMBOOTH_\(name.uppercased())"
      if let value = environment[variable] { apply(name, value, variable, &faults) }
    }
    for (name, value) in flags.sorted(by: { $0.key < $1.key }) {
      let flag = name.replacingOccurrences(of: "_", with: "-")
      apply(name, value, "--\(flag)", &faults)
    }
    guard faults.isEmpty else { throw UsageError(faults.joined(separator: "; ")) }
  }

  /// Where systemd or the user's session keeps state.
  private static func defaultData(_ environment: [String: String]) -> String {
    if let folder = environment["STATE_DIRECTORY"]?.split(separator: ":").first {
      return String(folder)
    }
    let home = environment["XDG_DATA_HOME"] ?? "\(environment["HOME"] ?? ".")/.local/share"
    return "\(home)/dreambooth"
  }

  private static func read(_ file: String) throws(UsageError) -> [(String, String)] {
    guard let data = FileManager.default.contents(atPath: file) else {
      throw UsageError("\(file): cannot be read; a JSON object of settings is needed")
    }
    let object: [String: Any]
    do {
      guard let value = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
        throw UsageError("\(file): must be a JSON object of settings, as {\"port\": 8080}")
      }
      object = value
    } catch let error as UsageError {
      throw error
    } catch {
      throw UsageError("\(file): not valid JSON: \(error)")
    }
    return object.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
  }

  private mutating func apply(
    _ name: String, _ value: String, _ source: String, _ faults: inout [String]
  ) {
    func integer(_ range: ClosedRange<Int>) -> Int? {
      if let number = Int(value), range.contains(number) { return number }
      faults.append(
        "\(source): \"\(value)\" is not an integer from \(range.lowerBound) to \(range.upperBound)")
      return nil
    }
    func text() -> String? {
      if !value.isEmpty { return value }
      faults.append("\(source): must not be empty")
      return nil
    }
    switch name {
    case "host":
      // `[::1]`, as it stands in a URL, is the same address.
      if let text = text() {
        host =
          text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
      }
    case "port": port = integer(0...65_535) ?? port
    case "data": data = text() ?? data
    case "models": models = text() ?? models
    case "workers": workers = integer(1...64) ?? workers
    case "threads": threads = integer(0...1024) ?? threads
    case "key_file": keyFile = text() ?? keyFile
    case "share": share = text() ?? share
    case "queue_limit": queueLimit = integer(1...1_000_000) ?? queueLimit
    case "disk_watermark": diskWatermark = integer(0...(1 << 50)) ?? diskWatermark
    case "log_level":
      let levels = ["trace", "debug", "info", "notice", "warning", "error"]
      if levels.contains(value) {
        logLevel = value
      } else {
        faults.append("\(source): \"\(value)\" is not one of \(levels.joined(separator: ", "))")
      }
    default:
      faults.append("\(source): no such setting; known: \(Self.names.joined(separator: ", "))")
    }
  }
}

/// The files that are shipped with the program: migrations and contract, and the models beside them.
struct ShareFolder {
  let root: URL

  /// - Parameter named: from the configuration; otherwise the folder is looked for beside the
  ///   program, in the folders above it, and in the working folder.
  init(_ named: String?) throws(UsageError) {
    if let named {
      root = URL(fileURLWithPath: named)
      guard Self.isComplete(root) else {
        throw UsageError("\(named): migrations and openapi.yaml are not both there")
      }
      return
    }
    let program = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    var candidates: [URL] = []
    var folder = program.deletingLastPathComponent()
    candidates.append(
      folder.deletingLastPathComponent().appending(path: "share/dreambooth"))
    while folder.path != "/" {
      candidates.append(folder)
      folder = folder.deletingLastPathComponent()
    }
    candidates.append(URL(fileURLWithPath: FileManager.default.currentDirectoryPath))
    guard let found = candidates.first(where: Self.isComplete) else {
      throw UsageError(
        "migrations and openapi.yaml are not beside \(program.path); name their folder with --share"
      )
    }
    root = found
  }

  var migrations: URL { root.appending(path: "migrations") }
  var openAPI: URL { root.appending(path: "openapi.yaml") }

  /// The models folder: the one that was named, the shipped one, or `models` here.
  func models(_ named: String?) throws(UsageError) -> URL {
    if let named {
      guard Self.isFolder(named) else { throw UsageError("\(named): no such models folder") }
      return URL(fileURLWithPath: named)
    }
    let shipped = root.appending(path: "models")
    return Self.isFolder(shipped.path) ? shipped : URL(fileURLWithPath: "models")
  }

  static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  private static func isComplete(_ folder: URL) -> Bool {
    isFolder(folder.appending(path: "migrations").path)
      && FileManager.default.fileExists(atPath: folder.appending(path: "openapi.yaml").path)
  }
}
