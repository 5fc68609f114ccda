import CLinux
import Foundation
import Glibc
import Storage
import Synchronization

/// A child process and the one thread that serves it: feeds its stdin, reads its descriptor 3, keeps what
/// it prints, and takes its exit. Nothing here waits on the cooperative pool.
final class ChildProcess: Sendable {
  struct Launch: Sendable {
    var executable: URL
    var arguments: [String]
    var environment: [String: String] = [:]
    var directory: URL?
    /// What the child reads on its stdin; without a file, what `send` is given.
    var input: URL?
    /// Where stdout and stderr go, up to a limit; without one they are dropped.
    var log: URL?
    var logLimit = 16 << 20
    var niceness: Int32 = 10
    var oomScore: Int32 = 500
  }

  private struct State {
    var input = Data()
    var exit: ChildExit?
    var waiting: [CheckedContinuation<ChildExit, Never>] = []
  }

  let pid: pid_t
  private let state = Mutex(State())
  /// Written to when there is something to send.
  private let wake: Pipe

  /// - Parameters:
  ///   - onEvents: gets the bytes of descriptor 3 as they come, on the child's own thread
  ///   - onEnd: called once, after the last bytes and after the child was reaped
  init(
    _ launch: Launch, onEvents: @escaping @Sendable (UnsafeRawBufferPointer) -> Void,
    onEnd: @escaping @Sendable () -> Void
  ) throws(JobError) {
    func refuse(_ error: Int32) -> JobError {
      .spawn(executable: launch.executable.path, code: error)
    }
    do {
      if let code = FaultPoint.code(.spawn, (launch.log ?? launch.input ?? launch.executable).path)
      {
        throw Descriptor.Failure(code: code)
      }
      let (wake, events) = (try Pipe(), try Pipe())
      let output: Pipe? = launch.log == nil ? nil : try Pipe()
      let input: Pipe? = launch.input == nil ? try Pipe() : nil
      let inputFile: Descriptor? = try launch.input.map { try Descriptor(reading: $0) }
      var pidfd: Int32 = -1
      let descriptors = (
        inputFile?.value ?? input?.read.value ?? -1, output?.write.value ?? -1,
        output?.write.value ?? -1, events.write.value
      )
      // The child's ends stay open here until it has its own copies.
      let spawned = withExtendedLifetime((events, output, input, inputFile)) {
        Self.spawn(launch, descriptors, &pidfd)
      }
      guard spawned > 0 else { throw Descriptor.Failure(code: -spawned) }
      pid = spawned
      self.wake = wake
      let log = launch.log.map { ChildLog($0, limit: launch.logLimit) }
      let server = Server(
        pidfd: Descriptor(pidfd), events: events.read, output: output?.read,
        input: input?.write, log: log)
      Thread.detachNewThread { [self] in
        serve(server, onEvents)
        onEnd()
      }
    } catch let failure as Descriptor.Failure {
      throw refuse(failure.code)
    } catch {
      throw refuse(EIO)
    }
  }

  /// Queues bytes for the child's stdin.
  func send(_ data: Data) {
    state.withLock { $0.input.append(data) }
    wake.ring()
  }

  /// Signals the child and everything in its process group; nothing happens after its end.
  func signal(_ number: Int32) {
    state.withLock { if $0.exit == nil { Glibc.kill(-pid, number) } }
  }

  /// Returns once the child is reaped.
  func exit() async -> ChildExit {
    await withCheckedContinuation { continuation in
      let known = state.withLock { state in
        if state.exit == nil { state.waiting.append(continuation) }
        return state.exit
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  private static func spawn(
    _ launch: Launch, _ descriptors: (Int32, Int32, Int32, Int32), _ pidfd: inout Int32
  ) -> pid_t {
    let arguments = CStrings([launch.executable.lastPathComponent] + launch.arguments)
    let variables = CStrings(launch.environment.sorted { $0.key < $1.key }.map { "\($0)=\($1)" })
    return withExtendedLifetime((arguments, variables)) {
      launch.executable.path.withCString { path in
        (launch.directory?.path ?? "/").withCString { directory in
          var request = clinux_spawn(
            path: path, argv: arguments.pointers, envp: variables.pointers, directory: directory,
            descriptors: descriptors, nice: launch.niceness, oom_score_adj: launch.oomScore)
          return clinux_spawn(&request, &pidfd)
        }
      }
    }
  }

  /// The parent's ends of everything.
  private struct Server {
    let pidfd: Descriptor
    let events: Descriptor
    let output: Descriptor?
    let input: Descriptor?
    var log: ChildLog?
  }

  private func serve(_ server: Server, _ onEvents: (UnsafeRawBufferPointer) -> Void) {
    clinux_block_sigpipe()
    var server = server
    var (events, output, input) = (Optional(server.events), server.output, server.input)
    var ended = false
    while !ended {
      let pending = state.withLock { !$0.input.isEmpty }
      var polls = [
        pollfd(fd: server.pidfd.value, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wake.read.value, events: Int16(POLLIN), revents: 0),
        pollfd(fd: events?.value ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: output?.value ?? -1, events: Int16(POLLIN), revents: 0),
        pollfd(fd: pending ? input?.value ?? -1 : -1, events: Int16(POLLOUT), revents: 0),
      ]
      guard poll(&polls, nfds_t(polls.count), -1) >= 0 || errno == EINTR else { break }
      ended = polls[0].revents != 0
      if polls[1].revents != 0 { wake.silence() }
      // After the end everything it wrote is in the pipes: read them empty.
      if polls[2].revents != 0 || ended, let open = events, !open.drain(all: ended, onEvents) {
        events = nil
      }
      if polls[3].revents != 0 || ended, let open = output,
        !open.drain(all: ended, { server.log?.append($0) })
      {
        output = nil
      }
      if polls[4].revents != 0, let open = input, !feed(open) { input = nil }
    }
    server.log?.close()
    reap()
  }

  /// - Returns: `false` if the child no longer reads.
  private func feed(_ input: Descriptor) -> Bool {
    state.withLock { state in
      let written = state.input.withUnsafeBytes { write(input.value, $0.baseAddress, $0.count) }
      if written > 0 { state.input = Data(state.input.dropFirst(written)) }
      let open = written >= 0 || errno == EAGAIN || errno == EINTR
      if !open { state.input = Data() }
      return open
    }
  }

  /// Ends what the child left in its group, then takes its exit; its id is free for others only after.
  private func reap() {
    let waiting = state.withLock { state in
      Glibc.kill(-pid, SIGKILL)
      var (code, signal): (Int32, Int32) = (-1, -1)
      while clinux_reap(pid, &code, &signal) == 0 { usleep(1000) }
      let exit: ChildExit = signal >= 0 ? .signal(signal) : .code(code)
      state.exit = exit
      defer { state.waiting = [] }
      return state.waiting.map { ($0, exit) }
    }
    for (continuation, exit) in waiting { continuation.resume(returning: exit) }
  }
}
