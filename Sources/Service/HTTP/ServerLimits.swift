/// Sizes and times that a connection may use. Each has a test at the limit and one past it.
package struct ServerLimits: Sendable, Equatable {
  /// Method, target and version, in bytes.
  package var requestLine = 8 << 10
  /// Names and values of all header fields, in bytes.
  package var headerBytes = 32 << 10
  package var headerFields = 100
  /// A JSON body, or the `job` part of an upload.
  package var jsonBytes = 1 << 20
  /// 63 photos, as many captions and masks, and 300 class pictures fit.
  package var parts = 512
  package var partHeaderBytes = 4 << 10
  package var fileBytes = 32 << 20
  /// All parts of one upload together.
  package var uploadBytes = 512 << 20
  package var connections = 2048
  /// Peers behind one proxy share an address.
  package var connectionsPerPeer = 1024
  package var deadlines = Deadlines()

  package init() {}

  /// Times in seconds, rates in bytes per second.
  package struct Deadlines: Sendable, Equatable {
    /// From the first byte of a request to the end of its header fields.
    package var header = 10.0
    /// Between two requests of one connection.
    package var idle = 75.0
    /// Least rate of a body and of the reading of an answer.
    package var minimumRate = 1024.0
    /// A body's rate is counted after this time.
    package var grace = 5.0
    /// A body that has had this time must have come faster: else a few thousand slow ones take every connection.
    package var patience = 60.0
    package var steadyRate = 16.0 * 1024
    /// The reading of an answer is judged over the last so many seconds.
    package var readingWindow = 10.0
    package init() {}
  }
}
