package import Foundation

/// The `errno` behind an error, however it is wrapped: what passes is told from what stays by number, never by
/// the words that `strerror` has for it.
package enum SystemError {
  package static func code(of error: any Error) -> Int32? {
    switch error {
    case WeightError.unreadable(_, _, let code), WeightError.writeFailed(_, _, let code):
      return code == 0 ? nil : code
    case let error as POSIXError: return error.code.rawValue
    default: break
    }
    let wrapped = error as NSError
    if wrapped.domain == NSPOSIXErrorDomain { return Int32(wrapped.code) }
    if let inner = wrapped.userInfo[NSUnderlyingErrorKey] as? any Error { return code(of: inner) }
    guard wrapped.domain == NSCocoaErrorDomain else { return nil }
    return wrapped.code == CocoaError.Code.fileWriteOutOfSpace.rawValue ? ENOSPC : nil
  }

  /// No room on the disk, or none within the quota.
  package static func isDiskFull(_ code: Int32) -> Bool { [ENOSPC, EDQUOT].contains(code) }

  /// What the same call may not meet later: a shortage, or a device or server that does not answer now.
  package static func isPassing(_ code: Int32) -> Bool {
    [EMFILE, ENFILE, EAGAIN, ENOMEM, ENOBUFS, EIO, ESTALE, ETIMEDOUT, EREMOTEIO].contains(code)
  }
}
