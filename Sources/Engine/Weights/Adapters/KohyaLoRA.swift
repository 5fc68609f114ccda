package import Foundation
import Tensors

/// Low-rank updates as kohya's scripts write them, which most user interfaces read:
/// `lora_unet_PATH_WITH_UNDERSCORES.lora_down.weight`, `lora_up.weight`, `alpha`, `dora_scale`.
package enum KohyaLoRA {
  /// - Parameters:
  ///   - metadata: text beside the tensors; network, ranks and digests are added here
  ///   - dtype: format of the tensors
  package static func write(
    _ updates: LowRankUpdates, to url: URL, metadata: [String: String] = [:],
    dtype: StoredDType = .f32
  ) throws(WeightError) {
    let training = metadata.merging(network(updates)) { $1 }
    var writer = SafetensorsWriter(metadata: training.filter { $0.key.hasPrefix("ss_") })
    for (path, update) in updates {
      let name = AdaptableLayers.kohyaName(path)
      writer.add("\(name).lora_down.weight", update.down.detached(), as: dtype)
      writer.add("\(name).lora_up.weight", update.up.detached(), as: dtype)
      writer.add("\(name).alpha", Tensor([update.alpha], shape: []), as: dtype)
      if let magnitude = update.magnitude {
        let shape = [magnitude.count] + update.down.shape.dims.dropFirst().map { _ in 1 }
        writer.add("\(name).dora_scale", Tensor(magnitude.values, shape: Shape(shape)), as: dtype)
      }
    }
    let hashes = AdapterHashes(writer)
    writer.metadata = training.merging([
      "format": "pt", "sshs_model_hash": hashes.model, "sshs_legacy_hash": hashes.legacy,
      "modelspec.hash_sha256": "0x" + hashes.model,
    ]) { $1 }
    try writer.write(to: url)
  }

  /// What the scripts say of the network: module, rank and alpha, and those of kernels where they differ.
  private static func network(_ updates: LowRankUpdates) -> [String: String] {
    let sorted = updates.sorted { $0.key < $1.key }.map(\.value)
    let isKernel = { (update: LowRankUpdate) in
      update.down.shape.rank == 4 && update.down.shape[2] > 1
    }
    let hasMagnitudes = sorted.contains { $0.magnitude != nil }
    var arguments: [String] = []
    if let kernel = sorted.first(where: isKernel) {
      arguments += ["\"conv_alpha\": \"\(kernel.alpha)\"", "\"conv_dim\": \"\(kernel.rank)\""]
    }
    if hasMagnitudes { arguments += ["\"algo\": \"lora\"", "\"dora_wd\": \"True\""] }
    let first = sorted.first { !isKernel($0) } ?? sorted.first
    return [
      "ss_network_module": hasMagnitudes ? "lycoris.kohya" : "networks.lora",
      "ss_network_dim": "\(first?.rank ?? 0)", "ss_network_alpha": "\(first?.alpha ?? 0)",
      "ss_network_args": "{\(arguments.sorted().joined(separator: ", "))}",
    ]
  }
}
