import CLinux
import Foundation
import Testing

@Suite struct HeapTests {
  /// Many small blocks with one left in use behind them: glibc keeps all their pages unless it is told to trim.
  @Test func `freed pages between blocks in use go back to the kernel`() throws {
    let size = 8 << 10
    var blocks = (0..<8192).map { _ in
      let block = malloc(size)!
      memset(block, 1, size)
      return block
    }
    let last = blocks.removeLast()
    let full = try residentBytes()
    for block in blocks { free(block) }
    clinux_trim_heap()
    let trimmed = try residentBytes()
    free(last)
    #expect(full - trimmed > 48 << 20)
  }

  private func residentBytes() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(
      separator: " ")
    return try #require(Int(fields[1])) * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
