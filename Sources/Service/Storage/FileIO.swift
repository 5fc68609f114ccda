package import Foundation
import Glibc

/// The few file operations whose order is the promise: write aside, sync, rename, sync the folder.
/// Every failure is thrown; a failed sync is fatal and never tried again.
package enum FileIO {
  /// Writes `data` so that a file of this name is either absent, old, or whole.
  package static func writeDurably(_ data: Data, to file: URL) throws {
    let aside = file.appendingPathExtension("tmp")
    let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC)
    guard descriptor >= 0 else { throw error("creating \(aside.lastPathComponent)") }
    do {
      defer { close(descriptor) }
      try write(data, to: descriptor, of: aside)
      try syncData(descriptor, of: aside)
    } catch {
      unlink(aside.path)
      throw error
    }
    try renameDurably(aside, to: file)
  }

  /// Syncs a file that someone else wrote.
  package static func sync(_ file: URL) throws {
    let descriptor = open(file, O_RDONLY)
    guard descriptor >= 0 else { throw error("opening \(file.lastPathComponent)") }
    defer { close(descriptor) }
    try syncData(descriptor, of: file)
  }

  package static func syncFolder(_ folder: URL) throws {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else { throw error("opening folder \(folder.lastPathComponent)") }
    defer { close(descriptor) }
    guard sync(descriptor, folder, fsync) == 0 else {
      throw error("syncing folder \(folder.lastPathComponent)")
    }
  }

  /// Renames within one file system and syncs the folder of the new name.
  package static func renameDurably(_ from: URL, to: URL) throws {
    guard failure(.rename, from) == nil, rename(from.path, to.path) == 0 else {
      throw error("renaming \(from.lastPathComponent)")
    }
    try syncFolder(to.deletingLastPathComponent())
  }

  /// Creates a folder and makes its entry durable; an existing one is fine.
  package static func createFolder(_ folder: URL) throws {
    if FileManager.default.fileExists(atPath: folder.path) { return }
    let parent = folder.deletingLastPathComponent()
    if parent.path != folder.path { try createFolder(parent) }
    guard mkdir(folder.path, 0o700) == 0 || errno == EEXIST else {
      throw error("creating folder \(folder.lastPathComponent)")
    }
    try syncFolder(parent)
  }

  /// Gives the files directly below a folder a second name in a new folder: no byte is copied, and what
  /// happens to the old names later does not touch the new ones.
  package static func linkFiles(of folder: URL, in target: URL) throws {
    try createFolder(target)
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() {
      let (from, to) = (folder.appending(path: name), target.appending(path: name))
      guard link(from.path, to.path) == 0 || errno == EEXIST else {
        throw error("linking \(name)")
      }
    }
    try syncFolder(target)
  }

  /// Removes a file or a whole folder; nothing there is fine, also when someone else removes it now.
  package static func remove(_ item: URL) throws {
    for _ in 0..<3 {
      guard exists(item) else { return }
      if (try? FileManager.default.removeItem(at: item)) != nil { return }
    }
    guard exists(item) else { return }
    throw StorageError.io(operation: "removing", detail: item.lastPathComponent)
  }

  /// Whether a name is there, be it a link that leads nowhere.
  package static func exists(_ item: URL) -> Bool {
    var status = stat()
    return lstat(item.path, &status) == 0
  }

  /// Writes all of it, however often the kernel takes only a part.
  package static func write(_ data: Data, to descriptor: Int32, of file: URL) throws {
    try data.withUnsafeBytes { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written =
          failure(.write, file)
          ?? Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if written < 0 {
          if errno == EINTR { continue }
          throw error("writing \(file.lastPathComponent)")
        }
        rest = rest.dropFirst(written)
      }
    }
  }

  static func syncData(_ descriptor: Int32, of file: URL) throws {
    guard sync(descriptor, file, fdatasync) == 0 else {
      throw error("syncing \(file.lastPathComponent)")
    }
  }

  private static func sync(
    _ descriptor: Int32, _ file: URL, _ call: (Int32) -> Int32
  ) -> Int32 {
    failure(.sync, file).map(Int32.init) ?? call(descriptor)
  }

  /// As `open(2)`, closed on exec and readable by the owner alone.
  package static func open(_ file: URL, _ flags: Int32) -> Int32 {
    failure(.open, file).map(Int32.init) ?? Glibc.open(file.path, flags | O_CLOEXEC, 0o600)
  }

  /// As `pread(2)`, tried again when a signal came between.
  package static func read(
    _ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int, of file: URL
  ) -> Int {
    while true {
      let count =
        failure(.read, file)
        ?? pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
      if count >= 0 || errno != EINTR { return count }
    }
  }

  /// The whole of a small file.
  /// - Throws: `StorageError.notFound` only if it is not there
  package static func contents(of file: URL) throws -> Data {
    let descriptor = open(file, O_RDONLY)
    guard descriptor >= 0 else { throw readError(file.lastPathComponent) }
    defer { close(descriptor) }
    var data = Data()
    try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { piece in
      while true {
        let count = read(descriptor, piece, at: data.count, of: file)
        guard count >= 0 else { throw readError(file.lastPathComponent) }
        if count == 0 { return }
        data.append(contentsOf: piece[..<count])
      }
    }
    return data
  }

  package struct Status: Equatable, Sendable {
    package var bytes: Int
    package var isRegular: Bool
    package var isFolder: Bool
    /// Seconds since 1970.
    package var modified: Double
  }

  /// What the file system says of a name.
  /// - Returns: `nil` only if there is nothing of this name
  package static func status(_ item: URL) throws -> Status? {
    var status = stat()
    if stat(item.path, &status) == 0 {
      return Status(
        bytes: Int(status.st_size), isRegular: status.st_mode & S_IFMT == S_IFREG,
        isFolder: status.st_mode & S_IFMT == S_IFDIR,
        modified: Double(status.st_mtim.tv_sec) + Double(status.st_mtim.tv_nsec) / 1e9)
    }
    if errno == ENOENT || errno == ENOTDIR { return nil }
    throw readError(item.lastPathComponent)
  }

  /// Names in a folder, sorted; an absent folder has none. Unlike Foundation's listing, one that breaks off
  /// is an error, not a shorter list.
  package static func names(in folder: URL) throws -> [String] {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return [] }
      throw readError(folder.lastPathComponent)
    }
    guard let entries = fdopendir(descriptor) else {
      let error = readError(folder.lastPathComponent)
      close(descriptor)
      throw error
    }
    defer { closedir(entries) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = readdir(entries) else {
        guard errno == 0 else { throw readError(folder.lastPathComponent) }
        return names.sorted()
      }
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
  }

  /// Paths of everything below a folder that is no folder, sorted; links are not followed into.
  package static func paths(below folder: URL) throws -> [String] {
    var paths: [String] = []
    for name in try names(in: folder) {
      let item = folder.appending(path: name)
      var status = stat()
      guard lstat(item.path, &status) == 0 else {
        if errno == ENOENT { continue }
        throw readError(name)
      }
      if status.st_mode & S_IFMT == S_IFDIR {
        paths += try Self.paths(below: item).map { "\(name)/\($0)" }
      } else {
        paths.append(name)
      }
    }
    return paths.sorted()
  }

  /// - Throws: if nothing could be written into the folder: a file system that is mounted read-only, say
  package static func requireWritable(_ folder: URL) throws {
    guard access(folder.path, W_OK | X_OK) == 0 else {
      throw StorageError.unreadable(file: "the folder \(folder.lastPathComponent)", code: errno)
    }
  }

  /// An error of Foundation's, if it is one that passes.
  package static func passing(_ error: any Error, _ operation: String) -> StorageError? {
    if let error = error as? StorageError { return error.isPassing ? error : nil }
    let wrapped = error as NSError
    let code =
      (error as? POSIXError)?.code.rawValue
      ?? (wrapped.domain == NSPOSIXErrorDomain ? Int32(wrapped.code) : nil)
    guard let code else {
      return (wrapped.userInfo[NSUnderlyingErrorKey] as? any Error).flatMap {
        passing($0, operation)
      }
    }
    return switch code {
    case ENOSPC, EDQUOT: .diskFull(operation: operation)
    case _ where Shortage.isShortage(code): .shortage(operation: operation, code: code)
    case EIO, ESTALE, ETIMEDOUT: .unreadable(file: "what is needed for \(operation)", code: code)
    default: nil
    }
  }

  /// -1 with `errno` set where a test has asked for it.
  private static func failure(_ call: FaultPoint.Call, _ file: URL) -> Int? {
    guard let code = FaultPoint.code(call, file.path) else { return nil }
    errno = code
    return -1
  }

  /// The error of the last failed call of those that change something.
  package static func error(_ operation: String) -> StorageError {
    let code = errno
    return switch code {
    case ENOSPC, EDQUOT: .diskFull(operation: operation)
    case _ where Shortage.isShortage(code): .shortage(operation: operation, code: code)
    case ENOENT, ENOTDIR: .unreadable(file: "what is needed for \(operation)", code: code)
    default: .io(operation: operation, detail: String(cString: strerror(code)))
    }
  }

  /// The error of the last failed call of those that only read: it says nothing about what was written.
  package static func readError(_ file: String) -> StorageError {
    let code = errno
    return switch code {
    case ENOENT, ENOTDIR: .notFound(file)
    case _ where Shortage.isShortage(code): .shortage(operation: "reading \(file)", code: code)
    default: .unreadable(file: file, code: code)
    }
  }
}

/// What the machine is short of for a moment: nothing is broken, and the same call succeeds later.
package enum Shortage {
  package static func isShortage(_ code: Int32) -> Bool {
    [EMFILE, ENFILE, EAGAIN, ENOMEM, ENOBUFS].contains(code)
  }
}
