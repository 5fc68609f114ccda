import Foundation
import TestSupport
import Testing

/// A small disk that fills while a job runs: the job waits and says why, work can still be ended, and with
/// room the job goes on.
@Suite struct DiskFullTests {
  /// A tmpfs of its own, where this process may mount one.
  private static func mount(
    _ folder: URL, megabytes: Int, remounting: Bool = false
  ) -> Bool {
    let mount = Process()
    mount.executableURL = URL(filePath: "/bin/mount")
    mount.arguments = [
      "-t", "tmpfs", "-o", "\(remounting ? "remount," : "")size=\(megabytes)m", "tmpfs",
      folder.path,
    ]
    mount.standardError = FileHandle.nullDevice
    guard (try? mount.run()) != nil else { return false }
    mount.waitUntilExit()
    return mount.terminationStatus == 0
  }

  private static func unmount(_ folder: URL) {
    let umount = Process()
    umount.executableURL = URL(filePath: "/bin/umount")
    umount.arguments = ["-l", folder.path]
    try? umount.run()
    umount.waitUntilExit()
  }

  private static let canMount: Bool = {
    guard let folder = try? Subjects.folder() else { return false }
    defer { try? FileManager.default.removeItem(at: folder) }
    guard mount(folder, megabytes: 1) else { return false }
    unmount(folder)
    return true
  }()

  /// Fills what is left of the disk.
  private static func fill(_ disk: URL) throws -> URL {
    let file = disk.appending(path: "filling")
    _ = FileManager.default.createFile(atPath: file.path, contents: nil)
    let handle = try FileHandle(forWritingTo: file)
    while (try? handle.write(contentsOf: Data(count: 1 << 16))) != nil {}
    while (try? handle.write(contentsOf: Data(count: 1))) != nil {}
    try handle.close()
    return file
  }

  private func wait(
    _ service: RunningService, _ id: String, until isDone: ([String: Any]) -> Bool
  ) async throws -> [String: Any] {
    for _ in 0..<600 {
      let job = try await service.get("/v1/jobs/\(id)").json
      if isDone(job) { return job }
      try await Task.sleep(for: .milliseconds(200))
    }
    return try await service.get("/v1/jobs/\(id)").json
  }

  @Test(.enabled(if: canMount, "mounting a small tmpfs needs root"))
  func `on a full disk a job waits and others are cancelled; with room it goes on`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let disk = folder.appending(path: "disk")
    try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
    // Room for the ballast, the database, the photos and part of one checkpoint, not for a finished job.
    #expect(Self.mount(disk, megabytes: 46))
    defer { Self.unmount(disk) }
    let config = folder.appending(path: "settings.json")
    try Data(#"{"disk_watermark": 1000000}"#.utf8).write(to: config)
    let service = try await RunningService(
      data: disk.appending(path: "data"), flags: ["--config", config.path])
    let id = try await service.submit(job: Subjects.job(), photos: Subjects.photos)
    let other = try await service.submit(job: Subjects.job(), photos: Subjects.photos)
    let waiting = try await wait(service, id) { $0["waiting"] is [String: Any] }
    let reason = waiting["waiting"] as? [String: Any]
    #expect(reason?["code"] as? String == "disk_full", "\(waiting)")
    #expect(reason?["hint"] is String, "\(waiting)")

    let filling = try Self.fill(disk)
    let refused = try await service.post(job: Subjects.job(), photos: Subjects.photos)
    #expect(refused.status == 507, "\(refused.text)")
    #expect(try await service.get("/readyz").status == 503)
    #expect(try await service.get("/healthz").status == 200)
    let cancelled = try await service.post("/v1/jobs/\(other)/cancel")
    #expect([200, 202].contains(cancelled.status), "\(cancelled.text)")

    try FileManager.default.removeItem(at: filling)
    #expect(Self.mount(disk, megabytes: 500, remounting: true))
    let job = try await wait(service, id) { ($0["finished_at"] as? String) != nil }
    #expect(job["status"] as? String == "succeeded", "\(job)")
    #expect(job["attempt"] as? Int == 1, "\(job)")
    #expect(job["waiting"] is NSNull, "\(job)")
    #expect(try await service.stop() == 0)
  }
}
