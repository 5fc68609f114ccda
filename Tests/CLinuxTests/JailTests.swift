import Foundation
import JailProbe
import Testing

/// Each act runs in a child of its own, which enters the jail first.
@Suite struct JailTests {
  @Test func `the jailed can compute, get memory, write to its descriptors and end`() {
    #expect(jail_probe(JAIL_RETURN) == 0)
  }

  @Test(arguments: [JAIL_CREATE, JAIL_READ, JAIL_WRITE_CODE])
  func `files and executable memory are refused`(_ act: jail_act) {
    #expect(jail_probe(act) == EPERM)
    #expect(!FileManager.default.fileExists(atPath: "/tmp/jail-probe"))
  }

  @Test(arguments: [JAIL_SOCKET, JAIL_EXECUTE, JAIL_SIGNAL])
  func `network, programs and signals end the process`(_ act: jail_act) {
    #expect(jail_probe(act) == -SIGSYS)
  }

  @Test func `it cannot multiply`() {
    #expect(jail_probe(JAIL_FORK) == EPERM)
  }

  @Test func `a socket that was open before is closed`() {
    #expect(jail_probe(JAIL_CONNECTED) == EBADF)
  }

  @Test func `two gigabytes are not to be had`() {
    #expect(jail_probe(JAIL_ALLOCATE) == ENOMEM)
  }

  @Test func `a loop ends by its CPU limit, a wait by the clock, a crash alone`() {
    #expect(jail_probe(JAIL_LOOP) == -SIGXCPU)
    #expect(jail_probe(JAIL_WAIT) == -SIGALRM)
    #expect(jail_probe(JAIL_CRASH) == -SIGSEGV)
  }
}
