import Foundation

/// What a client is told of an error. Our own errors are written for people; those of Foundation hold paths of the server
/// and names of its types, which belong in the log.
package enum PlainReason {
  package static func of(_ error: any Error) -> String {
    switch error {
    case is DecodingError, is EncodingError: "something that was stored or sent has an unknown form"
    case is CocoaError, is POSIXError, is NSError: "a file could not be read or written"
    default: "\(error)"
    }
  }
}
