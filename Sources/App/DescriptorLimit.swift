import Glibc

/// Files and sockets that the process may hold open.
enum DescriptorLimit {
  /// Kept for the database, photos, pipes and children: connections are refused before jobs go short.
  private static let reserve = 256

  /// Raises the soft limit to the hard one: shells give 1024, which idle connections alone can use up.
  static func raise() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    // Where it cannot be raised, `connections` keeps within what there is.
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// Connections that leave the reserve alone.
  static func connections(atMost most: Int) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return most }
    let there = Int(clamping: limit.rlim_cur)
    return min(most, max(there - reserve, there / 2))
  }
}
