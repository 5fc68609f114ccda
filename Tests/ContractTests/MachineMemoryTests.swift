import Contract
import Foundation
import TestSupport
import Testing

/// Service and worker measure the same memory, whatever of `/proc` they may see.
struct MachineMemoryTests {
  private let groups: TemporaryFolder

  init() throws { groups = try TemporaryFolder() }

  private func limit(_ group: String, _ text: String) throws {
    let folder = groups.url.appending(path: group)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: folder.appending(path: "memory.max"))
  }

  private func measured(_ membership: String?) -> Int {
    MachineMemory.limit(machine: 1000, membership: membership, groups: groups.url)
  }

  @Test("The smallest limit from the process's group up to the root holds")
  func smallestLimit() throws {
    try limit("system.slice/dreambooth.service", "700\n")
    #expect(measured("0::/system.slice/dreambooth.service\n") == 700)
    try limit("system.slice", "max\n")
    #expect(measured("0::/system.slice/dreambooth.service\n") == 700)
    try limit("system.slice", "400\n")
    #expect(measured("0::/system.slice/dreambooth.service\n") == 400)
    #expect(measured("0::/system.slice/other.service\n") == 400)
    #expect(measured("0::/user.slice\n") == 1000)
  }

  @Test("In a container the group is the root of what is mounted")
  func containers() throws {
    try limit("", "300\n")
    #expect(measured("0::/\n") == 300)
    #expect(measured("0::/../../elsewhere\n") == 300)
    #expect(measured("12:cpu:/a\n0::/a/b\n") == 300)
  }

  @Test("Without a group, or with a limit above it, the machine's memory holds")
  func machine() throws {
    #expect(measured(nil) == 1000)
    #expect(measured("4:memory:/old\n") == 1000)
    try limit("a", "5000\n")
    #expect(measured("0::/a\n") == 1000)
  }

  @Test("The kernel says how much memory there is, as /proc/meminfo does where it can be read")
  func physical() throws {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8),
      let total = text.firstMatch(of: /MemTotal: +(\d+) kB/), let kilobytes = Int(total.1)
    else { return }
    #expect(MachineMemory.physical == kilobytes * 1024)
  }
}
