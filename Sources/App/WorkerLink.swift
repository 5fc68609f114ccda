import Contract
import Foundation
import Synchronization

/// The child's ends of the pipes: lines from stdin, lines to the events' descriptor.
final class WorkerLink: Sendable {
  private let events: Int32
  /// A line goes out whole, whichever thread sends it.
  private let turn = Mutex(())

  init(events: Int32) { self.events = events }

  /// Says every `WorkerHeartbeat.seconds` that the process is alive, from a thread of its own.
  func startHeartbeat() {
    Thread {
      while self.send(.heartbeat) { sleep(UInt32(WorkerHeartbeat.seconds)) }
    }.start()
  }

  /// - Returns: whether the line went out whole; `false` if nobody reads any more
  @discardableResult
  func send(_ message: WorkerMessage) -> Bool {
    guard let line = try? EventLine.encode(message) else { return false }
    return turn.withLock { _ in write(line) }
  }

  private func write(_ line: Data) -> Bool {
    line.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = Foundation.write(
          events, UnsafeRawBufferPointer(rebasing: bytes[done...]).baseAddress, bytes.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        done += count
      }
      return true
    }
  }

  /// One line of stdin without its LF, or `nil` at the end.
  func readLine() -> Data? {
    var line = Data()
    var byte: UInt8 = 0
    while true {
      let count = read(STDIN_FILENO, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return line.isEmpty ? nil : line }
      if byte == 0x0A { return line }
      line.append(byte)
    }
  }
}

/// The strongest directive that has come in since the engine asked last.
final class DirectiveMailbox: Sendable {
  private let waiting = Mutex(WorkDirective.continue)

  func put(_ directive: WorkDirective) {
    waiting.withLock { if Self.rank($0) < Self.rank(directive) { $0 = directive } }
  }

  /// A checkpoint is asked for once; suspension and stop hold.
  func take() -> WorkDirective {
    waiting.withLock { directive in
      defer { if directive == .checkpoint { directive = .continue } }
      return directive
    }
  }

  /// Reads directives on a thread of its own. A closed stdin means that the parent is gone.
  func listen(to link: WorkerLink) {
    Thread {
      while let line = link.readLine() {
        if let directive = try? EventLine.decode(WorkDirective.self, from: line) {
          self.put(directive)
        }
      }
      self.put(.stop)
    }.start()
  }

  /// Takes the signals as requests to suspend. To be called before other threads exist: they inherit that the
  /// signals wait for the one thread that takes them.
  func suspend(onSignals numbers: [Int32]) {
    var blocked = sigset_t()
    sigemptyset(&blocked)
    for number in numbers { sigaddset(&blocked, number) }
    pthread_sigmask(SIG_BLOCK, &blocked, nil)
    let signals = blocked
    Thread {
      var (signals, number) = (signals, 0 as Int32)
      while sigwait(&signals, &number) == 0 { self.put(.suspend) }
    }.start()
  }

  private static func rank(_ directive: WorkDirective) -> Int {
    switch directive {
    case .continue: 0
    case .checkpoint: 1
    case .suspend: 2
    case .stop: 3
    }
  }
}
