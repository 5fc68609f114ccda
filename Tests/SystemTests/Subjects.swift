import Foundation
import TestSupport

/// What system tests post.
enum Subjects {
  /// Five different small photos, made without any model.
  static let photos: [(name: String, bytes: Data)] = (0..<5).map { k in
    let bytes = JPEGFile.encode(columns: 12, rows: 12) { x, y in
      let inside = (x - 5 - k % 3) * (x - 5 - k % 3) + (y - 6) * (y - 6) < 12
      return inside
        ? (red: Double(200 - 20 * k), green: Double(60 + 8 * x), blue: Double(40 + 9 * y))
        : (red: Double(30 + 15 * k), green: Double(90 + 12 * y), blue: Double(210 - 10 * x))
    }
    return ("photo-\(k).jpg", Data(bytes))
  }

  /// The smallest job that goes through every phase.
  static func job(
    noun: String = "dog", seed: Int = 1, steps: Int = 6, checkpointEvery: Int = 2
  ) -> [String: Any] {
    [
      "class_noun": noun, "base_model": "starter",
      "method": ["type": "dreambooth", "prior": ["images": 2, "steps": 3]],
      "training": ["steps": steps, "seed": seed, "checkpoint_every": checkpointEvery],
      "samples": [
        "every": checkpointEvery, "prompts": ["a {id} {class}"], "seeds": [1], "steps": 3,
      ],
      "on_rejected_image": "fail",
    ]
  }

  /// The same with another method.
  static func job(
    method: [String: Any], steps: Int = 4, exports: [String]? = nil, _ more: [String: Any] = [:]
  ) -> [String: Any] {
    var job = job(steps: steps).merging(more) { $1 }
    job["method"] = method
    job["exports"] = exports
    return job
  }

  /// The real photos of one subject of `../shared/dreambench`; `nil` where they are absent.
  static func dreambench(_ subject: String) -> [(name: String, bytes: Data)]? {
    let folder = RunningService.root.deletingLastPathComponent()
      .appending(path: "shared/dreambench/dataset/\(subject)")
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path) else {
      return nil
    }
    return names.sorted().filter { $0.hasSuffix(".jpg") }.compactMap { name in
      (try? Data(contentsOf: folder.appending(path: name))).map { (name, $0) }
    }
  }

  static func folder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "dreambooth-system-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }
}
