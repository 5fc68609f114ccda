import Crypto
import Foundation

/// The two digests by which other tools know an adapter file whatever is written into its metadata later
/// (`kohya-ss/sd-scripts`, `library/train_util.py`, `precalculate_safetensors_hashes`).
struct AdapterHashes {
  /// SHA-256 of the tensors' bytes: `sshs_model_hash`.
  let model: String
  /// First eight digits of the SHA-256 of 64 KiB at 1 MiB of the file: `sshs_legacy_hash`.
  let legacy: String

  /// - Parameter writer: the file, with the metadata of its training (`ss_...`) alone
  init(_ writer: SafetensorsWriter) {
    let window = 0x10_0000..<0x11_0000
    var (whole, part) = (SHA256(), SHA256())
    let header = writer.header()
    var position = 0
    func count(_ bytes: UnsafeRawBufferPointer) {
      let range = (position..<position + bytes.count).clamped(to: window)
      if !range.isEmpty {
        let seen = range.lowerBound - position..<range.upperBound - position
        part.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[seen]))
      }
      position += bytes.count
    }
    header.withUnsafeBytes(count)
    writer.forEachTensor { bytes in
      whole.update(bufferPointer: bytes)
      count(bytes)
    }
    model = FileDigest.hexadecimal(whole.finalize())
    legacy = String(FileDigest.hexadecimal(part.finalize()).prefix(8))
  }
}
