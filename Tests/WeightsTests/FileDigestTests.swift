import Foundation
import TestSupport
import Testing
import Weights

@Suite struct FileDigestTests {
  @Test func `the digest is the published one of FIPS 180-2`() throws {
    let folder = try TemporaryFolder()
    let url = try folder.write("abc", Array("abc".utf8))
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(try FileDigest.sha256(url) == expected)
    #expect(FileDigest.sha256(Data("abc".utf8)) == expected)
    #expect(throws: WeightError.self) { try FileDigest.sha256(folder.file("absent")) }
  }
}
