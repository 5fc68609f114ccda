import Imaging
import Testing

@Suite struct FileKindTests {
  static let files: [(head: [UInt8], says: String)] = [
    ([0, 0, 0, 24] + Array("ftypheic\0\0\0\0mif1heic".utf8), "heif-convert"),
    ([0, 0, 0, 24] + Array("ftypheix\0\0\0\0mif1heix".utf8), "HEIC"),
    ([0, 0, 0, 28] + Array("ftypavif\0\0\0\0avifmif1".utf8), "AVIF"),
    ([0, 0, 0, 12] + Array("JXL \r\n".utf8) + [0x87, 0x0A], "JPEG XL"),
    ([0xFF, 0x0A, 0xFA, 0x1F], "JPEG XL"),
    ([0, 0, 0, 24] + Array("ftypisom\0\0\u{2}\0isomiso2".utf8), "video"),
    ([0, 0, 0, 20] + Array("ftypqt  ".utf8), "video"),
    ([0x1A, 0x45, 0xDF, 0xA3], "video"),
    (Array("GIF89a".utf8), "GIF"), (Array("BM6".utf8), "BMP"),
    (Array("8BPS".utf8) + [0, 1], "Photoshop"),
    (Array("II*\0".utf8) + [16, 0, 0, 0] + Array("CR".utf8) + [2, 0], "raw picture (develop"),
    (Array("MM\0*".utf8) + [0, 0, 0, 8], "TIFF"),
    (Array("PK".utf8) + [3, 4], "ZIP"), (Array("%PDF-1.7".utf8), "PDF"),
    (Array("\n  <svg xmlns".utf8), "SVG"), (Array("<!DOCTYPE html>".utf8), "web page"),
    (Array("version https://git-lfs.github.com/spec/v1".utf8), "git lfs pull"),
    ([0x1F, 0x8B, 8, 0], "gzip"), (Array("hello".utf8), "text"), ([0, 1, 2, 3], "unknown"),
    ([], "empty"),
  ]

  @Test(arguments: files.indices)
  func `a file is named by its content, with the way to convert it`(_ index: Int) {
    let (head, says) = Self.files[index]
    let error = #expect(throws: ImagingError.self) { try ImageDecoder.decode(head) }
    #expect(error?.code == "unsupported_type")
    #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
  }
}
