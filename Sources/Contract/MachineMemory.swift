package import Foundation

/// How much memory jobs may use on this machine. One measure for everybody: the service hands it down in the order, so
/// that what `dry_run` says and what the run does agree, under the unit's hidden `/proc` too.
package enum MachineMemory {
  /// Bytes: nine tenths of the machine's memory, or of the limit of the control group that this process lives in; the
  /// rest is for the service and the system.
  package static var budget: Int { limit() / 10 * 9 }

  /// The smallest of the machine's memory and the limits of the process's control group (version 2) and of those that
  /// it lies in.
  ///
  /// - Parameters:
  ///   - machine: bytes of the machine
  ///   - membership: the text of `/proc/self/cgroup`
  ///   - groups: where the control groups are mounted
  package static func limit(
    machine: Int = physical,
    membership: String? = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8),
    groups: URL = URL(filePath: "/sys/fs/cgroup")
  ) -> Int {
    let path = membership?.split(separator: "\n").first { $0.hasPrefix("0::/") }?.dropFirst(4)
    var names = (path ?? "").split(separator: "/")
    // A group outside of what is mounted here (`/../other`) has limits that cannot be read.
    if names.contains("..") { names = [] }
    return (0...names.count).reduce(machine) { smallest, depth in
      let file = groups.appending(
        path: (names.prefix(depth) + ["memory.max"]).joined(separator: "/"))
      // "max", or no file at the root of the machine: no limit.
      let text = try? String(contentsOf: file, encoding: .utf8)
      return min(
        smallest, text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? .max)
    }
  }

  /// Bytes of memory that the machine has. The C library asks sysinfo(2) for it, not `/proc/meminfo`, which the unit hides.
  package static var physical: Int { Int(clamping: ProcessInfo.processInfo.physicalMemory) }
}
