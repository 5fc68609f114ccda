import Contract
import Foundation
import HTTP
import Storage

/// A page of a list, with the address of the next one in the body and as a `Link` (RFC 8288).
struct ListPayload<Item: Encodable & Sendable>: Encodable, Sendable {
  var object = "list"
  var data: [Item]
  var firstId: Null<String>
  var lastId: Null<String>
  var hasMore: Bool
  var next: Null<String>

  init(_ data: [Item], ids: [String], hasMore: Bool = false, next: String? = nil) {
    self.data = data
    firstId = Null(ids.first)
    lastId = Null(ids.last)
    self.hasMore = hasMore
    self.next = Null(hasMore ? next : nil)
  }

  func response() throws -> Response {
    var response = try Response.json(self)
    if let next = next.value { response.headers["Link"] = "<\(next)>; rel=\"next\"" }
    return response
  }
}

extension Response {
  static func json(_ body: some Encodable, status: Int = 200) throws -> Response {
    json(try jsonData(body), status: status)
  }

  static func json(_ body: Data, status: Int = 200) -> Response {
    Response(status: status, contentType: "application/json", body)
  }

  /// The body ends in a line feed: answers are read in terminals too.
  static func jsonData(_ body: some Encodable) throws -> Data {
    var data = try ContractJSON.encoder().encode(body)
    data.append(0x0A)
    return data
  }

  /// JSON with a strong entity tag of its bytes; 304 if the client has them.
  static func tagged(_ body: some Encodable, _ request: Request) throws -> Response {
    let data = try jsonData(body)
    let etag = String(FileHash.sha256(data).prefix(32))
    var response = json(data)
    if ETag.matches(request.headers.list("If-None-Match"), etag) {
      response = Response(status: 304)
    }
    response.headers["ETag"] = "\"\(etag)\""
    return response
  }
}

extension Query {
  /// The query without `name`, with `name=value` in its place: the address of the next page.
  func with(_ name: String, _ value: String) -> String {
    let allowed = CharacterSet.urlQueryAllowed.subtracting(CharacterSet(charactersIn: "&=+?#"))
    func escaped(_ text: String) -> String {
      text.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
    }
    return (items.filter { $0.name != name && $0.name != "before" } + [(name, value)])
      .map { "\(escaped($0.name))=\(escaped($0.value))" }.joined(separator: "&")
  }
}
