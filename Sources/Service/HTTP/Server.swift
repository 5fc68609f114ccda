import Foundation
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The HTTP server: an address, a list of routes, and the rules that hold for all of them.
package final class Server: Sendable {
  package struct Configuration: Sendable {
    package var host: String
    /// 0 takes a free port.
    package var port: Int
    package var limits = ServerLimits()
    /// `nil` lets everybody in, which is refused on any address but loopback.
    package var keys: APIKeys?

    package init(host: String, port: Int, keys: APIKeys? = nil) {
      self.host = host
      self.port = port
      self.keys = keys
    }
  }

  /// What happened to one request, for logs and metrics.
  package struct Exchange: Sendable {
    package let operationID: String?
    package let method: String
    package let status: Int
    package let seconds: Double
    package let requestID: String
  }

  package enum Failure: Error, Equatable, CustomStringConvertible {
    case openWithoutKeys(host: String)
    case cannotListen(host: String, port: Int, reason: String)

    package var description: String {
      switch self {
      case .openWithoutKeys(let host):
        "\(host) can be reached from other machines, so API keys are required: "
          + "give a key file, or listen on 127.0.0.1"
      case .cannotListen(let host, let port, let reason):
        "cannot listen on \(host) port \(port): \(reason)"
      }
    }
  }

  private let configuration: Configuration
  private let router: Router
  /// The operations that are served.
  package var routes: [Route] { router.routes }
  private let isDraining: @Sendable () -> Bool
  private let problem: @Sendable (any Error) -> Problem?
  private let observe: @Sendable (Exchange) -> Void
  private let logger = Logger(label: "http")
  private let running = Mutex<HummingbirdCore.Server<Connection>?>(nil)

  /// - Parameters:
  ///   - isDraining: whether writes are refused because the service is stopping
  ///   - problem: the problem of an error that a handler threw; `nil` is an internal error
  package init(
    _ configuration: Configuration, routes: [Route],
    isDraining: @escaping @Sendable () -> Bool = { false },
    problem: @escaping @Sendable (any Error) -> Problem? = { _ in nil },
    observe: @escaping @Sendable (Exchange) -> Void = { _ in }
  ) throws(Failure) {
    guard configuration.keys != nil || Authority.isLoopback(configuration.host) else {
      throw .openWithoutKeys(host: configuration.host)
    }
    self.configuration = configuration
    self.router = Router(routes)
    self.isDraining = isDraining
    self.problem = problem
    self.observe = observe
  }

  /// Serves until `stop()`.
  /// - Parameter onListening: called with the port once connections are accepted
  package func run(onListening: @escaping @Sendable (Int) async -> Void) async throws {
    let observe = observe
    let connection = Connection(
      limits: configuration.limits, peers: PeerCount(configuration.limits),
      respond: { [self] in await respond($0) },
      observe: {
        observe(
          Exchange(
            operationID: nil, method: "", status: $0.kind.status, seconds: 0, requestID: ""))
      })
    let server = HummingbirdCore.Server(
      childChannelSetup: connection,
      configuration: ServerConfiguration(
        address: .hostname(configuration.host, port: configuration.port), backlog: 1024),
      onServerRunning: { await onListening($0.localAddress?.port ?? 0) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    running.withLock { $0 = server }
    do {
      try await server.run()
    } catch let error as IOError {
      throw Failure.cannotListen(
        host: configuration.host, port: configuration.port,
        reason: String(cString: strerror(error.errnoCode)))
    } catch let error as SocketAddressError {
      throw Failure.cannotListen(
        host: configuration.host, port: configuration.port, reason: "\(error)")
    }
  }

  /// Accepts nothing more, closes idle connections, and lets answers in progress end.
  package func stop() async {
    let server = running.withLock { $0 }
    try? await server?.shutdownGracefully()
  }

  /// Answers one request: route, key, handler. Every failure becomes a problem.
  package func respond(_ request: Request) async -> Response {
    let start = ContinuousClock.now
    var operation: String?
    var response: Response
    do {
      let (route, parameters) = try router.find(request.method, request.path)
      operation = route.operationID
      var request = request
      request.parameters = parameters
      try check(&request, route)
      response = try await route.handler(request)
    } catch {
      let problem = error as? Problem ?? self.problem(error)
      if problem == nil {
        logger.error("\(request.id) \(operation ?? request.method) failed: \(error)")
      }
      response = (problem ?? Problem(.internalError, "the request id is in the server's log"))
        .response(requestID: request.id, instance: request.target)
    }
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    observe(
      Exchange(
        operationID: operation, method: request.method, status: response.status,
        seconds: Double(seconds) + Double(attoseconds) / 1e18, requestID: request.id))
    return response
  }

  private func check(_ request: inout Request, _ route: Route) throws(Problem) {
    if let expected = request.headers.list("Expect").first(where: {
      $0.lowercased() != "100-continue"
    }) {
      throw Problem(.expectationFailed, "cannot meet the expectation \(expected)")
    }
    try refuseUnreadableBodies(request)
    if route.access == .open { return }
    if let keys = configuration.keys {
      request.caller = try keys.caller(of: request, for: route.access)
    } else {
      try refuseForeignPages(request, route)
    }
    if route.access == .write, isDraining() {
      throw Problem(
        .draining, "the service is stopping; try again shortly", headers: ["Retry-After": "10"])
    }
  }

  /// Without keys, what keeps a web page in the user's browser from using the service is that it
  /// cannot forge `Host` (against DNS rebinding) nor `Origin`.
  private func refuseForeignPages(_ request: Request, _ route: Route) throws(Problem) {
    guard let host = request.headers["Host"] else {
      // HTTP/1.0: no browser leaves Host out, so there is no origin that could be ours.
      guard request.headers["Origin"] == nil else { throw Self.foreignOrigin }
      return
    }
    let authority = Authority(host)
    guard let authority, authority.isLoopback || authority.host == configuration.host.lowercased()
    else {
      throw Problem(
        .misdirected,
        "without API keys only loopback host names are served; this request names \(host)")
    }
    if let origin = request.headers["Origin"], route.access == .write, origin != "http://\(host)" {
      throw Self.foreignOrigin
    }
  }

  private static let foreignOrigin = Problem(
    .forbidden, "pages of another origin may not change anything here")

  /// A body that says it is packed must not be read as if it were not.
  private func refuseUnreadableBodies(_ request: Request) throws(Problem) {
    guard request.body.declaredLength != 0 else { return }
    let codings = request.headers.list("Content-Encoding").filter { $0.lowercased() != "identity" }
    if let coding = codings.first {
      throw Problem(
        .unsupportedMediaType,
        "Content-Encoding \(coding.prefix(32)) is not taken; send the body as it is",
        headers: ["Accept-Encoding": "identity"])
    }
    guard request.headers.all("Content-Type").count < 2 else {
      throw Problem(.malformedRequest, "Content-Type is given twice; give it once")
    }
  }
}
