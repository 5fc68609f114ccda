import ArgumentParser
import Foundation
import Models
import Tensors
import Weights

/// Holds one component against another implementation, file in, file out.
struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Runs one component on given tensors and writes its outputs (and gradients).",
    discussion: """
      Tensors have the names and the layout ([B, C, H, W]) of the public implementations.
        unet          sample, timestep [B], encoder_hidden_states -> sample
        text_encoder  input_ids [B, T] -> last_hidden_state, pooler_output
        vae.encoder   sample in -1...1 -> mean, logvar
        vae.decoder   latents (unscaled) -> sample
        clip          pixel_values or input_ids -> image_embeds or text_embeds (not normalised)
      With --gradients the inputs also hold `target`, and the outputs `loss` and `grad.KEY` for
      every parameter key of the component's file; the loss is the mean squared difference over all
      elements of the first output.
      """)

  enum Component: String, ExpressibleByArgument, CaseIterable {
    case unet
    case textEncoder = "text_encoder"
    case vaeEncoder = "vae.encoder"
    case vaeDecoder = "vae.decoder"
    case clip
  }

  @Option(help: "A folder in diffusers layout, the component's own folder, or a name under models.")
  var model: String
  @Option(help: "unet, text_encoder, vae.encoder, vae.decoder or clip.")
  var component: Component
  @Option(help: "A safetensors file with the inputs.")
  var inputs: String
  @Option(help: "The safetensors file to write.")
  var outputs: String
  @Option(help: "f32 or bf16: number format of the products.")
  var precision: Precision = .f32
  @Flag(help: "Also compute the gradient of every parameter.")
  var gradients = false

  func run() throws { try UsageError.forInput(probe) }

  private func probe() throws {
    let folder = try ModelArgument.folder(model)
    let door = ProbeDoor(try SafetensorsFile(URL(fileURLWithPath: inputs)))
    var writer = SafetensorsWriter()
    let probe = try opened(folder)
    if gradients { probe.parameters.setTrainable(true) }
    let results = try withPrecision(precision.compute) {
      gradients ? try probe.run(door) : try withoutGradients { try probe.run(door) }
    }
    for (name, tensor) in results { writer.add(name, ProbeDoor.outward(tensor)) }
    if gradients, let first = results.first {
      let target = try door.activation("target", like: first.1)
      let loss = meanSquaredError(first.1, target)
      writer.add("loss", loss)
      loss.backward()
      for parameter in probe.parameters {
        let gradient = parameter.tensor.gradient ?? Tensor.zeros(parameter.tensor.shape)
        writer.add("grad.\(parameter.fileKey)", gradient)
      }
    }
    try writer.write(to: URL(fileURLWithPath: outputs))
  }

  private typealias Probe = (
    parameters: ParameterList, run: (ProbeDoor) throws -> [(String, Tensor)]
  )

  private func opened(_ folder: URL) throws -> Probe {
    func part(_ name: String) throws -> URL { try ModelArgument.component(name, of: folder) }
    switch component {
    case .unet:
      let unet = try UNet2DConditionModel.open(try part("unet"))
      return (unet.parameters, { [("sample", try $0.run(unet))] })
    case .textEncoder:
      let text = try CLIPTextModel.open(try part("text_encoder"))
      return (
        text.parameters,
        { door in
          let ids = try door.ids(text.config)
          let states = text(ids)
          return [("last_hidden_state", states), ("pooler_output", text.pooled(states, ids: ids))]
        }
      )
    case .vaeEncoder:
      let vae = try AutoencoderKL.open(try part("vae"))
      return (
        vae.parameters,
        { door in
          let x = try door.picture(
            "sample", channels: vae.config.inChannels, multiple: vae.config.sideMultiple)
          let latents = vae.encode(x)
          return [("mean", latents.mean), ("logvar", latents.logvar)]
        }
      )
    case .vaeDecoder:
      let vae = try AutoencoderKL.open(try part("vae"))
      return (
        vae.parameters,
        { door in
          let z = try door.picture("latents", channels: vae.config.latentChannels, multiple: 1)
          return [("sample", vae.decode(z))]
        }
      )
    case .clip:
      let clip = try CLIPModel.open(try part("clip"))
      return (clip.parameters, { try $0.run(clip) })
    }
  }
}

/// Number formats as the command line names them.
enum Precision: String, ExpressibleByArgument, CaseIterable {
  case f32, bf16
  var compute: ComputePrecision { self == .f32 ? .f32 : .bf16 }
  var dtype: DType { self == .f32 ? .f32 : .bf16 }
}
