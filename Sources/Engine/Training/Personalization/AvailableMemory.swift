import Foundation

/// What the machine, or the group of processes that this one belongs to, can still give.
package enum AvailableMemory {
  /// Bytes that this process may come to take, resident: what it has and nine tenths of what is left.
  package static var budget: Int {
    let machine = kilobytes(of: "MemAvailable", in: "/proc/meminfo") ?? 0
    let own = kilobytes(of: "VmRSS", in: "/proc/self/status") ?? 0
    return own + min(machine, groupLimit.map { max($0 - own, 0) } ?? .max) / 10 * 9
  }

  /// The limit of the control group (version 2) that the process lives in.
  private static var groupLimit: Int? {
    guard let line = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8),
      let path = line.split(separator: "\n").first(where: { $0.hasPrefix("0::") })?.dropFirst(3),
      let text = try? String(contentsOfFile: "/sys/fs/cgroup\(path)/memory.max", encoding: .utf8)
    else { return nil }
    return Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// A line such as `MemAvailable:   123456 kB`, in bytes.
  private static func kilobytes(of name: String, in file: String) -> Int? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix("\(name):") {
      return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }
}
