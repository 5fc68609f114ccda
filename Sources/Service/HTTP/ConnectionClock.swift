import Foundation
import NIOCore
import NIOHTTP1

/// What one connection is doing, shared by its handlers on one event loop.
final class ConnectionClock {
  enum Phase: Equatable { case idle, header, body, answering }

  var phase = Phase.idle
  var since = NIODeadline.now()
  /// Whether the next line that is not empty begins a request.
  var expectsRequestLine = true
  var hasPartialLine = false
  var hasHeaderBegun: Bool { !expectsRequestLine || hasPartialLine }
  /// Whether the connection ends with the request that came last.
  var isLast = false
  /// Requests whose header has come and whose answer has not gone out.
  var unanswered = 0
  /// Called when `unanswered` falls: bytes that were held back may go on.
  var answered: (() -> Void)?

  /// Seconds during which the server wanted body bytes, and what came.
  var bodySeconds = 0.0
  var bodyBytes = 0
  /// What is still to come of a body of known length.
  var bodyRemaining: Int?
  var wantsBytes = false

  /// Bytes handed to the socket, and those among them that the kernel has taken.
  var sentBytes = 0
  var takenBytes = 0

  func enter(_ phase: Phase) {
    self.phase = phase
    since = .now()
    bodySeconds = 0
    bodyBytes = 0
  }

  func seconds(since start: NIODeadline) -> Double {
    Double((NIODeadline.now() - start).nanoseconds) / 1e9
  }
}
