package import Foundation

/// What the queue and its children are allowed, decided once at start.
package struct JobsConfiguration: Sendable {
  /// Jobs that run beside each other.
  package var workers = 1
  /// Threads of each child's one team.
  package var threads: Int
  /// Bytes that each child may take, resident; nil: all that jobs may use of this machine.
  package var memoryBytes: Int?
  /// The binary that is its own worker and decoder.
  package var executable = URL(fileURLWithPath: "/proc/self/exe")
  package var workerArguments = ["worker"]
  package var decodeArguments = ["decode"]
  package var identifierArguments = ["identifiers"]
  package var ratesArguments = ["rates"]
  /// Variables that children get; nothing else of the service's environment reaches them.
  package var childEnvironment: [String: String] = [:]
  /// CLIP-like encoder pair for reports, if there is one.
  package var clipEncoder: URL?
  /// From a graceful cancel to SIGKILL.
  package var cancelGrace = Duration.seconds(2)
  /// From the request to suspend to SIGKILL, and from the last word of a child to its end.
  package var stopGrace = Duration.seconds(25)
  package var decodeTimeout = Duration.seconds(90)
  /// How long a job is left alone after trouble that passes: twice as long each time, up to the longest.
  package var shortestWait = Duration.seconds(5)
  package var longestWait = Duration.seconds(300)
  /// Silence of a worker after which its job says so, and after which it is killed and tried again. A worker
  /// is heard of every `WorkerHeartbeat.seconds`, whatever it computes.
  package var silenceNoted = Duration.seconds(60)
  package var silenceLimit = Duration.seconds(600)
  /// Decoders that run at the same time, for jobs and dry runs together.
  package var decoders = DecoderGate.usual
  /// Pixels of all pictures of one request.
  package var pixelLimit = 500_000_000
  /// Dry runs at the same time; a further one is refused with 429.
  package var dryRunLimit = 16
  /// Jobs waiting at most; a further one is refused with 429.
  package var queueLimit = 1000
  /// Free bytes that must remain after a request is stored; below it a request is refused with 507.
  package var diskWatermark: Int64 = 1 << 30
  package var logLimit = 16 << 20

  package init(threads: Int) { self.threads = threads }
}
