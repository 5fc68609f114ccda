import Contract
import Foundation
import HTTP
import Jobs
import Storage

/// The pictures of a request, each with its caption, mask and subject: matched by what the client calls the files.
struct JobPictures {
  private(set) var incoming: [JobQueue.IncomingPhoto] = []
  /// What the pictures mean, for the fingerprint of the request.
  private(set) var meaning: [String] = []

  init(_ upload: JobUpload, _ draft: JobDraft) throws(Problem) {
    let faults = Faults()
    let photos = upload[.images].enumerated().map { Self.name($1, "image", $0) }
    let classImages = upload[.classImages].enumerated().map { Self.name($1, "class image", $0) }
    let stems = photos.map(SubjectAssignment.stem)
    let captions = Self.match(upload[.captions], "captions", [".txt"], stems, faults)
    let masks = Self.match(upload[.masks], "masks", [".mask.png", ".png"], stems, faults)
    let texts = captions.compactMapValues { Self.text(upload[.captions][$0], $0, faults) }
    Self.checkClassImages(classImages.count, draft.recipe, faults)
    Self.checkSubjects(draft.subjectImages, photos, classImages, draft.recipe, faults)
    try faults.throwIfAny()
    for (index, file) in upload[.images].enumerated() {
      let mask = masks[index].map { upload[.masks][$0] }
      incoming.append(
        .init(
          UploadedPhoto(
            fileName: photos[index], bytes: file.bytes, caption: texts[index],
            maskName: mask.map { $0.part.filename ?? "mask" }),
          file: file.url, mask: mask?.url))
      let matters = draft.subjectImages == nil ? nil : "name \(stems[index])"
      let parts = [texts[index].map { "caption \($0)" }, mask.map { "mask \($0.sha256)" }, matters]
      meaning.append((["images \(file.sha256)"] + parts.compactMap { $0 }).joined(separator: " "))
    }
    for (index, file) in upload[.classImages].enumerated() {
      incoming.append(
        .init(
          UploadedPhoto(role: .classPrior, fileName: classImages[index], bytes: file.bytes),
          file: file.url))
      meaning.append("class_images \(file.sha256)")
    }
  }

  private static func name(_ file: UploadFolder.File, _ what: String, _ index: Int) -> String {
    file.part.filename ?? "\(what) \(index)"
  }

  /// - Parameter endings: what follows the photo's stem in the name of a companion
  /// - Returns: for photos that have one, the place of their companion
  private static func match(
    _ files: [UploadFolder.File], _ field: String, _ endings: [String], _ stems: [String],
    _ faults: Faults
  ) -> [Int: Int] {
    var matched: [Int: Int] = [:]
    for (index, file) in files.enumerated() {
      let name = file.part.filename ?? ""
      var stem = SubjectAssignment.stem(name)
      if field == "masks", stem.hasSuffix(".mask"), !stems.contains(stem) {
        stem.removeLast(".mask".count)
      }
      let photos = stems.indices.filter { stems[$0] == stem }
      if photos.count == 1, matched[photos[0]] == nil {
        matched[photos[0]] = index
      } else {
        let examples = endings.map { (stems.first ?? "toby1") + $0 }.joined(separator: " or ")
        faults.add(
          "\(field)/\(index)", photos.isEmpty ? "unmatched" : "ambiguous",
          photos.isEmpty
            ? "\"\(name)\" is named after no photo; name it like one, as \(examples)"
            : "\"\(name)\" and another file, or two photos, share this name; give each its own")
      }
    }
    return matched
  }

  private static func text(_ file: UploadFolder.File, _ index: Int, _ faults: Faults) -> String? {
    let label = "captions/\(index)"
    guard let data = FileManager.default.contents(atPath: file.url.path),
      let text = String(data: data, encoding: .utf8)
    else {
      faults.add(label, "not_text", "must be text in UTF-8")
      return nil
    }
    let caption = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let length = RecipeLimits.captionLength
    if !length.contains(caption.count) {
      faults.add(
        label, "wrong_length", "must have \(length.minimum) to \(length.maximum) characters",
        allowed: ["min": .integer(length.minimum), "max": .integer(length.maximum)])
    } else if caption.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    {
      faults.add(label, "invalid_character", "must be one line without control characters")
    } else if !Placeholders.areKnown(in: caption) {
      faults.add(label, "placeholder", Placeholders.advice)
    }
    return caption
  }

  static func checkClassImages(_ count: Int, _ recipe: TrainingRecipe, _ faults: Faults) {
    let wanted = recipe.prior.enabled && recipe.prior.source == .uploaded
    if wanted, count == 0 {
      faults.add(
        "class_images", "required", "the prior's source is uploaded: send pictures of the class")
    } else if !wanted, count > 0 {
      faults.add(
        "class_images", "other_source",
        "pictures of the class are taken with \"method\": {\"prior\": {\"source\": \"uploaded\"}}")
    }
  }

  /// Every picture must belong to exactly one subject, and every name must mean a picture.
  static func checkSubjects(
    _ subjects: [SubjectImages]?, _ photos: [String], _ classImages: [String],
    _ recipe: TrainingRecipe, _ faults: Faults
  ) {
    guard let subjects else { return }
    check(photos, "images", subjects.map(\.images), faults)
    if recipe.prior.enabled, recipe.prior.source == .uploaded {
      check(classImages, "class_images", subjects.map(\.classImages), faults)
    }
  }

  private static func check(
    _ names: [String], _ field: String, _ entries: [[String]], _ faults: Faults
  ) {
    let stems = names.map(SubjectAssignment.stem)
    for (subject, entry) in entries.enumerated() {
      for (index, name) in entry.enumerated()
      where SubjectAssignment.places(of: name, among: stems).isEmpty {
        faults.add(
          "/subjects/\(subject)/\(field)/\(index)", "unmatched",
          "no picture has this name; the names of files count, without their ending")
      }
    }
    for (index, claims) in SubjectAssignment.claims(stems, entries).enumerated()
    where claims.count != 1 {
      faults.add(
        "\(field)/\(index)", claims.isEmpty ? "unmatched" : "ambiguous",
        claims.isEmpty
          ? "\"\(stems[index])\" belongs to no subject; name it in \(field) of one"
          : "\"\(stems[index])\" belongs to subjects \(claims); name it in one only")
    }
  }
}
