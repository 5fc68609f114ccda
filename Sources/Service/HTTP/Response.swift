package import Foundation

/// One answer. The server adds `Date`, `X-Request-Id`, `Content-Length` and the safety headers.
package struct Response: Sendable {
  package enum Body: Sendable {
    case data(Data)
    /// `length` bytes of a file from `offset`; the file is opened when the answer is made, so that
    /// it may be deleted while it is read.
    case file(OpenFile, offset: Int, length: Int)
  }

  package var status: Int
  package var headers: Headers
  package var body: Body

  package init(status: Int, headers: Headers = [:], body: Body = .data(Data())) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  package init(status: Int = 200, contentType: String, _ data: Data, headers: Headers = [:]) {
    self.init(status: status, headers: headers, body: .data(data))
    self.headers["Content-Type"] = contentType
  }

  package static func text(
    _ text: String, contentType: String = "text/plain; charset=utf-8", status: Int = 200
  ) -> Response {
    Response(status: status, contentType: contentType, Data(text.utf8))
  }

  package var length: Int {
    switch body {
    case .data(let data): data.count
    case .file(_, _, let length): length
    }
  }
}

/// A file open for reading, closed when the last answer that holds it is gone.
package final class OpenFile: Sendable {
  let descriptor: Int32
  package let size: Int

  package struct Unreadable: Error {
    package let errno: Int32
  }

  /// Opens a regular file; a link as the last component is refused.
  package init(_ url: URL) throws(Unreadable) {
    descriptor = open(url.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw Unreadable(errno: errno) }
    var info = stat()
    guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG else {
      let code = errno
      close(descriptor)
      throw Unreadable(errno: code)
    }
    size = Int(info.st_size)
  }

  deinit { close(descriptor) }
}
