import Contract
package import Foundation
import Glibc
import Storage
import Synchronization

/// Decodes each photo in a jailed child that gets the photo on its stdin and nothing else. Whatever the
/// photo does to it, the service sees a verdict.
package struct ChildPhotoDecoder: PhotoDecoder {
  private let configuration: JobsConfiguration

  package init(_ configuration: JobsConfiguration) { self.configuration = configuration }

  package func decode(
    _ photo: URL, targetSide: Int?, into folder: URL
  ) async throws -> DecodedPhoto {
    let file = folder.appending(path: "decode-\(UUID().uuidString).png")
    let output = try await BlockingIO.run { try DecodeOutput(file) }
    let target = targetSide.map { ["--target-side", "\($0)"] } ?? []
    let launch = ChildProcess.Launch(
      executable: configuration.executable, arguments: configuration.decodeArguments + target,
      environment: configuration.childEnvironment, input: photo)
    let child = try await BlockingIO.run {
      try ChildProcess(launch, onEvents: { output.take($0) }, onEnd: {})
    }
    let exit = await withTaskCancellationHandler {
      await end(of: child)
    } onCancel: {
      child.signal(SIGKILL)
    }
    if Task.isCancelled {
      try? FileIO.remove(file)
      throw CancellationError()
    }
    let decoded = try await BlockingIO.run { try output.finish(exit) }
    if decoded.pixels == nil {
      try await BlockingIO.run {
        try FileIO.remove(file)
        // No photo is refused because the disk would not give it.
        _ = try FileHash.sha256(ofFile: photo)
      }
    }
    return decoded
  }

  private func end(of child: ChildProcess) async -> ChildExit {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        try? await Task.sleep(for: configuration.decodeTimeout)
        if !Task.isCancelled { child.signal(SIGKILL) }
      }
      defer { group.cancelAll() }
      return await child.exit()
    }
  }
}

/// What comes over the decoder's descriptor 3: one line of JSON, then a PNG that goes to a file.
private final class DecodeOutput: Sendable {
  private struct State {
    var head = Data()
    var result: DecodeResult?
    var pngBytes = 0
    var failure: (any Error)?
  }

  /// The longest line that is believed: a fingerprint and a few findings.
  private static let headLimit = 1 << 16

  private let state = Mutex(State())
  private let file: URL
  private let descriptor: Int32

  init(_ file: URL) throws {
    self.file = file
    descriptor = FileIO.open(file, O_WRONLY | O_CREAT | O_EXCL)
    guard descriptor >= 0 else { throw FileIO.error("creating a decoded picture") }
  }

  deinit { close(descriptor) }

  func take(_ bytes: UnsafeRawBufferPointer) {
    state.withLock { state in
      guard state.failure == nil else { return }
      do {
        var rest = Data(bytes)
        if state.result == nil {
          state.head.append(rest)
          guard let end = state.head.firstIndex(of: 0x0A) else {
            if state.head.count > Self.headLimit {
              throw LineReader.LineTooLong(limit: Self.headLimit)
            }
            return
          }
          state.result = try EventLine.decode(DecodeResult.self, from: Data(state.head[..<end]))
          rest = Data(state.head[(end + 1)...])
        }
        state.pngBytes += rest.count
        // More than announced is not kept: the sizes differ at the end, and the photo is refused.
        guard state.pngBytes <= state.result?.pngBytes ?? 0 else { return }
        try FileIO.write(rest, to: descriptor, of: file)
      } catch {
        state.failure = error
      }
    }
  }

  func finish(_ exit: ChildExit) throws -> DecodedPhoto {
    try state.withLock { state in
      if let failure = state.failure as? StorageError { throw failure }
      switch exit {
      case .signal(SIGKILL): return .undecodable("decoding took too long or too much memory")
      case .signal(let number): return .undecodable("the decoder was stopped (signal \(number))")
      case .code: break
      }
      guard let result = state.result, state.failure == nil else {
        return .undecodable("the decoder ended without an answer (\(exit))")
      }
      if result.verdict == .rejected { return DecodedPhoto(result: result, pixels: nil) }
      guard exit == .code(DecodeExit.accepted.rawValue), state.pngBytes == result.pngBytes,
        result.pngBytes > 0
      else { return .undecodable("the decoder did not hand over the whole picture (\(exit))") }
      return DecodedPhoto(result: result, pixels: file)
    }
  }
}
