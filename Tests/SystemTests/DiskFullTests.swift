import Foundation
import TestSupport
import Testing

/// A small disk that fills while a job runs: the job fails with a code that says what to do, the service
/// goes on, and the next job runs once there is room.
@Suite struct DiskFullTests {
  /// A tmpfs of its own, where this process may mount one.
  private static func mount(_ folder: URL, megabytes: Int) -> Bool {
    let mount = Process()
    mount.executableURL = URL(filePath: "/bin/mount")
    mount.arguments = ["-t", "tmpfs", "-o", "size=\(megabytes)m", "tmpfs", folder.path]
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

  @Test(.enabled(if: canMount, "mounting a small tmpfs needs root"))
  func `a full disk fails the job, not the service`() async throws {
    let folder = try Subjects.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let disk = folder.appending(path: "disk")
    try FileManager.default.createDirectory(at: disk, withIntermediateDirectories: true)
    // Room for the database, the photos and part of one checkpoint, not for a finished job.
    #expect(Self.mount(disk, megabytes: 30))
    defer { Self.unmount(disk) }
    let config = folder.appending(path: "settings.json")
    try Data(#"{"disk_watermark": 1000000}"#.utf8).write(to: config)
    let service = try await RunningService(
      data: disk.appending(path: "data"), flags: ["--config", config.path])
    let id = try await service.submit(job: Subjects.job(), photos: Subjects.photos)
    let job = try await service.finished(id)
    #expect(job["status"] as? String == "failed", "\(job)")
    let error = job["error"] as? [String: Any]
    #expect(error?["code"] as? String == "disk_full", "\(job)")
    #expect(error?["hint"] is String, "\(job)")
    #expect(try await service.get("/healthz").status == 200)

    let ballast = disk.appending(path: "ballast")
    _ = FileManager.default.createFile(atPath: ballast.path, contents: nil)
    let handle = try FileHandle(forWritingTo: ballast)
    while (try? handle.write(contentsOf: Data(count: 1 << 18))) != nil {}
    try? handle.close()
    let refused = try await service.post(job: Subjects.job(), photos: Subjects.photos)
    #expect(refused.status == 507, "\(refused.text)")
    #expect(try await service.get("/healthz").status == 200)
    #expect(try await service.stop() == 0)
  }
}
