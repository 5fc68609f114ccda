"""Whole models, small: U-Net in the style of SD 1.x and 2.x, VAE, CLIP text and image models."""

from diffusers import AutoencoderKL, UNet2DConditionModel
import torch
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

from fixture import Fixture, nhwc


def make(seed, c):
  return [unet(seed, c, "unet_sd1"), unet(seed, c, "unet_sd2"), vae(seed, c), *text(seed, c), clip(seed, c)]


def unet_config(c, style):
  """What `config.json` of such a checkpoint says; the last level has no attention, as in SD 1.x and 2.x."""
  levels = len(c["channels"])
  heads = dict(attention_head_dim=c["heads"]) if style == "unet_sd1" else dict(
    attention_head_dim=c["head_list"][:levels], use_linear_projection=True)
  return dict(
    sample_size=c["side"][0], in_channels=c["latents"], out_channels=c["latents"], center_input_sample=False,
    flip_sin_to_cos=True, freq_shift=0, block_out_channels=c["channels"], layers_per_block=c["layers"],
    down_block_types=["CrossAttnDownBlock2D"] * (levels - 1) + ["DownBlock2D"],
    up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * (levels - 1), downsample_padding=1,
    mid_block_scale_factor=1, act_fn="silu", norm_num_groups=c["groups"], norm_eps=1e-5,
    cross_attention_dim=c["context"], **heads)


def file_config(model):
  """The config as the library itself writes it, with what the class names itself."""
  return {k: v for k, v in json_safe(model).items() if k not in ("_diffusers_version", "_use_default_values",
                                                                "_name_or_path", "transformers_version")}


def json_safe(model):
  if hasattr(model, "to_json_string"):
    import json
    return json.loads(model.to_json_string())
  return model.config.to_dict()


def record(f, name, model, call, inputs, **meta):
  to_file = lambda x: nhwc(x) if x.ndim == 4 else x
  outputs = call(**inputs)
  f.case(name, outputs, inputs, dict(model.named_parameters()), to_file, config=file_config(model), **meta)


def unet(seed, c, style):
  f = Fixture(style, seed)
  m = UNet2DConditionModel(**unet_config(c, style))
  h, w = c["side"]
  times = [999, 3, 421][: c["batch"]]
  call = lambda sample, encoder_hidden_states: {
    "sample": m(sample, torch.tensor(times), encoder_hidden_states).sample}
  inputs = f.settle(m, lambda: {"sample": f.normal(c["batch"], c["latents"], h, w),
                                "encoder_hidden_states": f.normal(c["batch"], c["tokens"], c["context"])}, call)
  for x in inputs.values():
    x.requires_grad_(True)
  record(f, "model", m, call, inputs, timesteps=times)
  return f


def vae_config(c):
  levels = len(c["vae_channels"])
  return dict(
    in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * levels,
    up_block_types=["UpDecoderBlock2D"] * levels, block_out_channels=c["vae_channels"], layers_per_block=c["vae_layers"],
    act_fn="silu", latent_channels=c["latents"], norm_num_groups=c["groups"], sample_size=c["image"][0],
    scaling_factor=0.18215)


def vae(seed, c):
  f = Fixture("vae", seed)
  m = f.randomize(AutoencoderKL(**vae_config(c)))
  encoder = {k: p for k, p in m.named_parameters() if k.startswith(("encoder.", "quant_conv."))}
  decoder = {k: p for k, p in m.named_parameters() if k not in encoder}
  to_file = lambda x: nhwc(x) if x.ndim == 4 else x
  h, w = c["image"]
  sample = f.normal(c["batch"], 3, h, w).clamp(-1, 1).requires_grad_(True)
  latents = f.normal(c["batch"], c["latents"], *(n // 2 ** (len(c["vae_channels"]) - 1) for n in (h, w)))
  latents.requires_grad_(True)
  d = m.encode(sample).latent_dist
  f.case("encoder", {"mean": d.mean, "logvar": d.logvar}, {"sample": sample}, encoder, to_file, config=file_config(m))
  f.case("decoder", {"sample": m.decode(latents).sample}, {"latents": latents}, decoder, to_file, config=file_config(m))
  return f


def text_config(c, **more):
  t = c["text"]
  return dict(
    vocab_size=t["vocab"], hidden_size=t["width"], intermediate_size=t["inner"], num_hidden_layers=t["layers"],
    num_attention_heads=t["heads"], max_position_embeddings=t["tokens"], projection_dim=c["projection"],
    bos_token_id=t["vocab"] - 2, pad_token_id=1, **more)


def prompts(f, c):
  """Start, words, end, padding with the end: as the tokenizer of SD 1.x gives them."""
  t = c["text"]
  start, end = t["vocab"] - 2, t["vocab"] - 1
  rows = []
  for i in range(c["batch"]):
    words = f.integers(min(2 + i, t["tokens"] - 2), t["vocab"] - 2)
    rows.append([start, *words, *[end] * (t["tokens"] - 1 - len(words))])
  return rows


def text(seed, c):
  # eos_token_id 2: the old files, the end is the highest id. Otherwise: the first position that holds it.
  for name, act, eos in [("text_quick_gelu", "quick_gelu", 2), ("text_gelu", "gelu", c["text"]["vocab"] - 1)]:
    f = Fixture(name, seed)
    m = f.randomize(CLIPTextModel(CLIPTextConfig(**text_config(c, hidden_act=act, eos_token_id=eos))))
    m.config.architectures = ["CLIPTextModel"]
    ids = prompts(f, c)

    def call():
      y = m(input_ids=torch.tensor(ids))
      return {"last_hidden_state": y.last_hidden_state, "pooler_output": y.pooler_output}

    record(f, "model", m, call, {}, ids=ids)
    yield f


def clip(seed, c):
  f, v = Fixture("clip", seed), c["vision"]
  config = CLIPConfig(
    text_config=text_config(c, hidden_act="quick_gelu", eos_token_id=c["text"]["vocab"] - 1),
    vision_config=dict(
      hidden_size=v["width"], intermediate_size=v["inner"], num_hidden_layers=v["layers"],
      num_attention_heads=v["heads"], image_size=v["image"], patch_size=v["patch"], projection_dim=c["projection"],
      hidden_act="quick_gelu"),
    projection_dim=c["projection"])
  m = f.randomize(CLIPModel(config))
  m.config.architectures = ["CLIPModel"]
  ids = prompts(f, c)
  pixels = f.normal(c["batch"], 3, v["image"], v["image"]).requires_grad_(True)

  def call(pixel_values):
    # The projections before normalisation.
    return {"text_embeds": m.get_text_features(input_ids=torch.tensor(ids)).pooler_output,
            "image_embeds": m.get_image_features(pixel_values=pixel_values).pooler_output}

  record(f, "model", m, call, {"pixel_values": pixels}, ids=ids)
  return f
