import Foundation
import Models

/// What other tools look for in a file's metadata: https://github.com/Stability-AI/ModelSpec, version 1.0.0.
/// The date is left out: equal runs write equal files.
package enum ModelSpec {
  package enum Kind: String {
    case model = ""
    case lora = "/lora"
    case embedding = "/textual-inversion"
  }

  /// - Parameters:
  ///   - title: what a user interface shows
  ///   - trigger: the words that call the subject
  package static func fields(
    of model: StableDiffusion, kind: Kind = .model, title: String? = nil, trigger: String? = nil
  ) -> [String: String] {
    var fields = [
      "modelspec.sai_model_spec": "1.0.0",
      "modelspec.architecture": family(model) + kind.rawValue,
      // The layout that the names follow, by the specification's own words.
      "modelspec.implementation": kind == .lora
        ? "diffusers" : "https://github.com/CompVis/latent-diffusion",
      "modelspec.prediction_type": model.schedule.prediction == .velocity ? "v" : "epsilon",
      "modelspec.resolution": "\(model.nativeSize)x\(model.nativeSize)",
      "modelspec.title": title ?? "dreambooth",
    ]
    if let trigger { fields["modelspec.trigger_phrase"] = trigger }
    return fields
  }

  /// `stable-diffusion-v1`, or the two of 2.x by what they predict.
  private static func family(_ model: StableDiffusion) -> String {
    guard isVersion2(model) else { return "stable-diffusion-v1" }
    let isVelocity = model.schedule.prediction == .velocity
    return isVelocity ? "stable-diffusion-v2-768-v" : "stable-diffusion-v2-512"
  }

  package static func isVersion2(_ model: StableDiffusion) -> Bool {
    model.textEncoder.config.hiddenAct == .gelu
  }

  /// What kohya's scripts say of the base.
  package static func training(of model: StableDiffusion, baseHash: String?) -> [String: String] {
    let isVelocity = model.schedule.prediction == .velocity
    let version = isVersion2(model) ? "sd_v2" : "sd_v1"
    var fields = [
      "ss_base_model_version": isVelocity ? "\(version)_v" : version,
      "ss_v2": isVersion2(model) ? "True" : "False",
      "ss_sd_model_name": model.folder.lastPathComponent,
      "ss_resolution": "(\(model.nativeSize), \(model.nativeSize))",
    ]
    if let baseHash {
      fields["ss_new_sd_model_hash"] = baseHash
      fields["ss_sd_model_hash"] = String(baseHash.prefix(8))
    }
    return fields
  }
}
