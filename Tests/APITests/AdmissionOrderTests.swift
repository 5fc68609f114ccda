import Foundation
import HTTP
import Jobs
import Storage
import Synchronization
import Testing

@testable import API

/// What the headers of an upload decide is answered before any of its body is read.
@Suite struct AdmissionOrderTests {
  private func post(
    _ service: ServiceFixture, length: Int?, _ headers: Headers = [:]
  ) async throws -> (Response, reads: Int) {
    let reads = Mutex(0)
    var headers = headers
    headers["Host"] = "127.0.0.1"
    headers["Content-Type"] = "multipart/form-data; boundary=XX"
    let body = RequestBody(declaredLength: length) {
      reads.withLock { $0 += 1 }
      return nil
    }
    let response = await service.server.respond(
      try Request(method: "POST", target: "/v1/jobs", headers: headers, body: body))
    return (response, reads.withLock { $0 })
  }

  @Test(arguments: [100, nil])
  func `a full queue is 429 with the body unread`(length: Int?) async throws {
    let service = try await ServiceFixture(queueLimit: 1)
    #expect(try await service.create(["Idempotency-Key": "k"]).status == 202)
    let (refused, reads) = try await post(service, length: length)
    #expect((refused.status, reads) == (429, 0))
    // The request that filled it, sent again, gets its own answer.
    let replay = try await service.create(["Idempotency-Key": "k"])
    #expect(replay.status == 202)
    #expect(replay.headers["Idempotent-Replayed"] == "true")
  }

  @Test func `too little space for the declared length is 507 with the body unread`() async throws {
    let service = try await ServiceFixture(disk: FixedDisk(free: Int64(Ballast.size) + (200 << 20)))
    let (refused, reads) = try await post(service, length: 400 << 20)
    #expect((refused.status, reads) == (507, 0))
    #expect(try await service.create().status == 202)
  }

  @Test(arguments: [ENOSPC, ENOMEM, EMFILE])
  func `a database that cannot be written is not ready`(code: Int32) async throws {
    let service = try await ServiceFixture()
    #expect(try await service.send("GET", "/readyz").status == 200)
    FaultPoint.arm(under: service.root) { call, _ in call == .database ? code : nil }
    let answer = try await service.send("GET", "/readyz")
    FaultPoint.arm(under: service.root, nil)
    #expect((answer.status, answer.code) == (503, "not_ready"))
    #expect(try await service.send("GET", "/readyz").status == 200)
  }
}

extension ServiceFixture {
  fileprivate func create(_ headers: Headers) async throws -> Response {
    try await create(images: [Self.png], headers)
  }
}
