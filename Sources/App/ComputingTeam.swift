import Foundation

/// The threads that compute wait for each other by spinning, which starves whoever shares the processors. How long they
/// spin is read once, when the OpenMP library is loaded, so it has to stand in the environment before.
enum ComputingTeam {
  private static let name = "GOMP_SPINCOUNT"

  /// Starts this program again with a short spin, unless the user or the service has chosen one.
  static func giveWayToOthers() {
    guard getenv(name) == nil else { return }
    setenv(name, "10000", 1)
    var arguments = CommandLine.arguments.map { strdup($0) } + [nil]
    execv("/proc/self/exe", &arguments)
    // Without /proc it computes all the same, only less politely.
  }
}
