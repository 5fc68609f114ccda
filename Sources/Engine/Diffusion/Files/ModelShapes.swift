package import Foundation
package import Models
import Tensors
package import Weights

/// What a model's tensors are called and shaped, without their values: enough to say whether a file fits.
package struct ModelShapes {
  private let unet: ParameterList
  private let vae: ParameterList
  private let textEncoder: ParameterList
  package let unetConfig: UNetConfig
  package let vaeConfig: VAEConfig
  package let textConfig: CLIPTextConfig
  package let schedule: SchedulerConfig

  /// - Parameter url: a folder in diffusers layout, or a single-file checkpoint
  package init(_ url: URL, _ options: SingleFileOptions = SingleFileOptions()) throws {
    let isFile = (try? url.resourceValues(forKeys: [.isRegularFileKey]))?.isRegularFile == true
    let configs =
      isFile
      ? try ModelConfigs(of: try SafetensorsFile(url), options) : try ModelConfigs(folder: url)
    unet = try UNet2DConditionModel(WeightLedger().root, config: configs.unet).parameters
    vae = try AutoencoderKL(WeightLedger().root, config: configs.vae).parameters
    textEncoder = try CLIPTextModel(
      WeightLedger().root / "text_model", config: configs.text
    ).parameters
    (unetConfig, vaeConfig) = (configs.unet, configs.vae)
    (textConfig, schedule) = (configs.text, configs.schedule)
  }

  package var layers: AdaptableLayers { AdaptableLayers(unet: unet, textEncoder: textEncoder) }

  /// What keeps a file from fitting: an adapter, an embedding or a single-file checkpoint.
  /// - Returns: a line for each fault; nil for files of other kinds
  package func faults(of file: SafetensorsFile) -> [String]? {
    if LoRAFile.isAdapter(file) {
      return faults { _ = try LoRAFile.read(file, for: layers) }
    }
    if EmbeddingFile.isEmbedding(file) {
      return faults { _ = try EmbeddingFile.read(file, width: textConfig.hiddenSize) }
    }
    guard file.keys.contains(where: { $0.hasPrefix(SingleFileLayout.unetPrefix) }) else {
      return nil
    }
    let inference = SingleFileInference(file: file)
    let parts = [
      (unet, SingleFileLayout.unet(unet.map(\.key))), (vae, SingleFileLayout.vae(vae.map(\.key))),
      (textEncoder, inference.textPlaces(textEncoder.map(\.key))),
    ]
    var (lines, used) = ([String](), Set<String>())
    for (parameters, places) in parts {
      for parameter in parameters {
        guard let place = places[parameter.key] else { continue }
        used.insert(place.key)
        let wanted = parameter.tensor.shape.dims
        guard let found = file[place.key]?.shape else {
          lines.append("missing \(place.key)")
          continue
        }
        if !place.holds(wanted, in: found) {
          lines.append("\(place.key) has shape \(found), expected \(wanted)")
        }
      }
    }
    lines += inference.leftovers(used: used).map { "left over \($0)" }
    return Array(Set(lines)).sorted()
  }

  private func faults(_ read: () throws -> Void) -> [String] {
    do {
      try read()
      return []
    } catch WeightError.unused(let keys) {
      return keys.map { "left over \($0)" }
    } catch WeightError.missing(let key) {
      return ["missing \(key)"]
    } catch {
      return ["\(error)"]
    }
  }
}
