/// What a file that is no PNG, JPEG or WebP seems to be, by its content, and how to make a picture of it.
enum FileKind {
  private struct Mark {
    let text: String
    let offset: Int
    let name: String
  }

  private static let heif = "a HEIC picture (convert it: heif-convert photo.heic photo.jpg)"
  private static let avif = "an AVIF picture (convert it: avifdec photo.avif photo.png)"
  private static let jxl = "a JPEG XL picture (convert it: djxl photo.jxl photo.png)"
  private static let jpeg2000 = "a JPEG 2000 picture (convert it: magick photo.jp2 photo.png)"
  private static let tiff = "a TIFF or raw picture (convert it: magick photo.tif photo.png)"
  private static let raw = "a camera's raw picture (develop it first, for example with darktable)"
  private static let video = "a video (take a still: ffmpeg -i film.mp4 -frames:v 1 photo.png)"

  /// The first that fits counts, so the exact ones stand before the general ones.
  private static let marks: [Mark] = [
    ("GIF8", 0, "a GIF (convert it: magick photo.gif[0] photo.png)"),
    ("BM", 0, "a BMP picture (convert it: magick photo.bmp photo.png)"),
    ("8BPS", 0, "a Photoshop file (export it as PNG)"),
    ("gimp xcf", 0, "a GIMP file (export it as PNG)"),
    ("DDS ", 0, "a DirectDraw texture (convert it: magick photo.dds photo.png)"),
    ("qoif", 0, "a QOI picture (convert it: magick photo.qoi photo.png)"),
    ("FUJIFILMCCD-RAW", 0, raw), ("ftypcrx", 4, raw), ("CR\u{2}", 8, raw),
    ("IIRO", 0, raw), ("IIU\0", 0, raw), ("FOVb", 0, raw),
    ("II*\0", 0, tiff), ("MM\0*", 0, tiff), ("II+\0", 0, tiff), ("MM\0+", 0, tiff),
    ("ftypavif", 4, avif), ("ftypavis", 4, avif),
    ("ftyphei", 4, heif), ("ftyphev", 4, heif), ("ftypmif1", 4, heif), ("ftypmsf1", 4, heif),
    ("JXL ", 4, jxl), ("jP  ", 4, jpeg2000),
    ("ftyp", 4, video), ("moov", 4, video), ("AVI ", 8, video),
    ("WAVE", 8, "a sound file"), ("ID3", 0, "a sound file"), ("OggS", 0, "a sound or video file"),
    ("PK\u{3}\u{4}", 0, "a ZIP archive (send the pictures in it one by one)"),
    ("Rar!", 0, "a RAR archive (send the pictures in it one by one)"),
    ("7z", 0, "a 7-Zip archive (send the pictures in it one by one)"),
    ("%PDF", 0, "a PDF (convert it: pdftoppm -png -r 150 file.pdf photo)"),
    ("%!PS", 0, "a PostScript file (convert it: magick file.ps photo.png)"),
    ("<svg", 0, "an SVG drawing (convert it: rsvg-convert drawing.svg -o photo.png)"),
    ("<?xml", 0, "an SVG drawing or other XML (convert it: rsvg-convert drawing.svg -o photo.png)"),
    ("<!DOCTYPE html", 0, "a web page (download the picture itself)"),
    ("<html", 0, "a web page (download the picture itself)"),
    ("version https://git-lfs", 0, "a Git LFS pointer (fetch the file: git lfs pull)"),
  ].map { Mark(text: $0.0, offset: $0.1, name: $0.2) }

  /// - Returns: words that stand behind "the file is"
  static func of(_ bytes: [UInt8]) -> String {
    if bytes.isEmpty { return "empty" }
    // A codestream of JPEG XL without a box around it, Matroska and gzip: not text, so not in the table.
    if bytes.starts(with: [0xFF, 0x0A]) { return jxl }
    if bytes.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) { return video }
    if bytes.starts(with: [0x1F, 0x8B]) { return "packed with gzip (unpack it first)" }
    let start = bytes.prefix(64).drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }
    let trimmed = Array(start)
    if let mark = marks.first(where: {
      bytes.has($0.text, at: $0.offset) || ($0.text.hasPrefix("<") && trimmed.has($0.text, at: 0))
    }) {
      return mark.name
    }
    let isText = bytes.prefix(512).allSatisfy { $0 >= 0x20 || (0x09...0x0D).contains($0) }
    return isText ? "text" : "of an unknown type"
  }
}
