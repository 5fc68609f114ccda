"""Files as other tools write them: the layout of the original Stable Diffusion, and kohya's adapter keys.

Written from the published key rules (CompVis/stable-diffusion and Stability-AI/stablediffusion for the modules,
kohya-ss/sd-scripts and LyCORIS for adapters), apart from the engine's own tables, so that a mistake there shows here.
"""

import re

from safetensors.torch import load_file, save_file
import torch

UNET, VAE = "model.diffusion_model.", "first_stage_model."
CLIP, OPEN_CLIP = "cond_stage_model.transformer.text_model.", "cond_stage_model.model."


def unet_places(unet):
  """From the path of each module with weights to its path in the original U-Net."""
  resnet = {"norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
            "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}
  top = {"conv_in": "input_blocks.0.0", "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
         "conv_norm_out": "out.0", "conv_out": "out.2"}
  blocks, n = {}, 1
  for i, block in enumerate(unet.down_blocks):
    for j in range(len(block.resnets)):
      blocks[f"down_blocks.{i}.resnets.{j}"] = f"input_blocks.{n}.0"
      blocks[f"down_blocks.{i}.attentions.{j}"] = f"input_blocks.{n}.1"
      n += 1
    if block.downsamplers:
      blocks[f"down_blocks.{i}.downsamplers.0.conv"] = f"input_blocks.{n}.0.op"
      n += 1
  blocks |= {"mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1",
             "mid_block.resnets.1": "middle_block.2"}
  n = 0
  for i, block in enumerate(unet.up_blocks):
    attentions = len(getattr(block, "attentions", None) or [])
    for j in range(len(block.resnets)):
      blocks[f"up_blocks.{i}.resnets.{j}"] = f"output_blocks.{n}.0"
      blocks[f"up_blocks.{i}.attentions.{j}"] = f"output_blocks.{n}.1"
      if j + 1 == len(block.resnets) and block.upsamplers:
        blocks[f"up_blocks.{i}.upsamplers.0.conv"] = f"output_blocks.{n}.{2 if attentions else 1}.conv"
      n += 1
  found = {}
  for key in unet.state_dict():
    path = key.rsplit(".", 1)[0]
    block = max((b for b in blocks if path == b or path.startswith(b + ".")), key=len, default=None)
    if block is None:
      found[path] = top[path]
      continue
    rest = path[len(block) + 1:]
    if ".resnets." in f".{block}":
      rest = resnet[rest]
    found[path] = blocks[block] + ("." + rest if rest else "")
  return found


def vae_key(key, levels):
  key = re.sub(r"(encoder|decoder)\.(down|up)_blocks\.(\d+)\.", lambda m: "{}.{}.{}.".format(
    m[1], m[2], int(m[3]) if m[2] == "down" else levels - 1 - int(m[3])), key)
  key = re.sub(r"\.resnets\.(\d+)\.", lambda m: f".mid.block_{int(m[1]) + 1}." if "mid_block" in key else f".block.{m[1]}.", key)
  key = key.replace("mid_block.mid.", "mid.").replace("mid_block.attentions.0.", "mid.attn_1.")
  for ours, theirs in [("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")]:
    key = key.replace(f"attn_1.{ours}.", f"attn_1.{theirs}.")
  for ours, theirs in [("conv_shortcut", "nin_shortcut"), ("downsamplers.0", "downsample"), ("upsamplers.0", "upsample"),
                       ("conv_norm_out", "norm_out")]:
    key = key.replace(ours, theirs)
  return key


def original_layout(pipeline):
  """The state dict that a single-file checkpoint of this model has."""
  places = unet_places(pipeline.unet)
  found = {}
  for key, v in pipeline.unet.state_dict().items():
    path, kind = key.rsplit(".", 1)
    found[f"{UNET}{places[path]}.{kind}"] = v
  for key, v in pipeline.vae.state_dict().items():
    # Attention was made of 1 by 1 convolutions.
    matrix = "attentions" in key and v.ndim == 2
    found[VAE + vae_key(key, len(pipeline.vae.config.block_out_channels))] = v[:, :, None, None] if matrix else v
  text = {k.removeprefix("text_model."): v for k, v in pipeline.text_encoder.state_dict().items()}
  text.pop("embeddings.position_ids", None)
  if pipeline.text_encoder.config.hidden_act == "gelu":
    return found | open_clip(text)
  found[CLIP + "embeddings.position_ids"] = torch.arange(text["embeddings.position_embedding.weight"].shape[0])[None]
  return found | {CLIP + k: v for k, v in text.items()}


def open_clip(text):
  """The text model in open_clip's names: queries, keys and values in one matrix."""
  names = {"embeddings.token_embedding.weight": "token_embedding.weight",
           "embeddings.position_embedding.weight": "positional_embedding",
           "final_layer_norm.weight": "ln_final.weight", "final_layer_norm.bias": "ln_final.bias"}
  parts = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
           "self_attn.out_proj": "attn.out_proj"}
  width = text["final_layer_norm.weight"].shape[0]
  found = {OPEN_CLIP + "text_projection": torch.eye(width), OPEN_CLIP + "logit_scale": torch.tensor(1.0)}
  for key, v in text.items():
    if key in names:
      found[OPEN_CLIP + names[key]] = v
      continue
    n, part, kind = re.fullmatch(r"encoder\.layers\.(\d+)\.(.+)\.(weight|bias)", key).groups()
    block = f"{OPEN_CLIP}transformer.resblocks.{n}."
    if part in parts:
      found[f"{block}{parts[part]}.{kind}"] = v
    elif part == "self_attn.q_proj":
      rows = [text[f"encoder.layers.{n}.self_attn.{p}_proj.{kind}"] for p in "qkv"]
      found[f"{block}attn.in_proj_{kind}"] = torch.cat(rows)
  return found


def write_original(pipeline, file, dtype=torch.float32, leftovers=True):
  """Writes the checkpoint; with what the checkpoints of the field also hold and nobody needs."""
  tensors = {k: v.to(dtype) if v.is_floating_point() else v for k, v in original_layout(pipeline).items()}
  if leftovers:
    tensors |= {"alphas_cumprod": pipeline.scheduler.alphas_cumprod.float(), "betas": pipeline.scheduler.betas.float(),
                "model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(1)}
  save_file({k: v.contiguous().clone() for k, v in tensors.items()}, file)


class LowRank:
  """Random updates of a pipeline's layers: what a foreign trainer would have learned."""

  def __init__(self, pipeline, layers, rank, alpha, seed, size=0.5, dora=False):
    self.alphas, self.parts, self.magnitudes = {}, {}, {}
    g = torch.Generator().manual_seed(seed)
    weights = layer_weights(pipeline)
    for path in sorted(weights):
      if not any(path.endswith("." + layer) for layer in layers):
        continue
      w = weights[path]
      r = min(rank(path) if callable(rank) else rank, w.shape[0])
      down = torch.randn(r, *w.shape[1:], generator=g) / down_size(w)
      up = torch.randn(w.shape[0], r, *[1] * (w.ndim - 2), generator=g) * size / r**0.5
      self.parts[path], self.alphas[path] = (down, up), float(alpha)
      if dora:
        norm = self.sum(path, w, 1.0).flatten(1).norm(dim=1)
        self.magnitudes[path] = norm * (1 + 0.2 * torch.randn(norm.shape, generator=g))

  @staticmethod
  def read_kohya(pipeline, file):
    """The updates of a file in kohya's keys, magnitudes too, which diffusers 0.42 leaves out of what it loads."""
    update, stored = LowRank(pipeline, [], 1, 1, 0), load_file(file)
    for path in layer_weights(pipeline):
      part, rest = path.split(".", 1)
      name = ("lora_unet_" if part == "unet" else "lora_te_text_model_") + rest.replace(".", "_")
      if f"{name}.lora_down.weight" in stored:
        update.parts[path] = stored.pop(f"{name}.lora_down.weight"), stored.pop(f"{name}.lora_up.weight")
        update.alphas[path] = stored.pop(f"{name}.alpha").item()
        if f"{name}.dora_scale" in stored:
          update.magnitudes[path] = stored.pop(f"{name}.dora_scale").flatten()
    assert not stored, f"keys of no layer: {sorted(stored)[:4]}"
    return update

  def scale(self, path):
    return self.alphas[path] / self.parts[path][0].shape[0]

  def sum(self, path, w, strength):
    down, up = self.parts[path]
    return w + strength * self.scale(path) * (up.flatten(1) @ down.flatten(1)).view(w.shape)

  def merge(self, pipeline, strength=1.0):
    """Adds the updates to the weights themselves."""
    weights = layer_weights(pipeline)
    with torch.no_grad():
      for path in self.parts:
        w = self.sum(path, weights[path].data, strength)
        if path in self.magnitudes:
          norm = w.flatten(1).norm(dim=1)
          w = w * (self.magnitudes[path] / norm).view(-1, *[1] * (w.ndim - 1))
        weights[path].data = w

  def write_kohya(self, pipeline, file, original=False, text_prefix="lora_te_", dtype=torch.float32, alpha=True):
    places = unet_places(pipeline.unet) if original else {}
    found = {}
    for path, (down, up) in self.parts.items():
      part, rest = path.split(".", 1)
      name = "lora_unet_" + places.get(rest, rest) if part == "unet" else f"{text_prefix}text_model_{rest}"
      name = name.replace(".", "_")
      found |= {f"{name}.lora_down.weight": down.to(dtype), f"{name}.lora_up.weight": up.to(dtype)}
      if alpha:
        found[f"{name}.alpha"] = torch.tensor(self.alphas[path], dtype=dtype)
      if path in self.magnitudes:
        found[f"{name}.dora_scale"] = self.magnitudes[path].view(-1, *[1] * (down.ndim - 1)).to(dtype)
    save_file({k: v.contiguous() for k, v in found.items()}, file, metadata={"ss_network_module": "networks.lora"})


def down_size(w):
  return w[0].numel() ** 0.5


def layer_weights(pipeline):
  """Matrices and kernels under `unet.PATH` and `text_encoder.PATH`."""
  found = {}
  for part in ["unet", "text_encoder"]:
    for key, p in getattr(pipeline, part).named_parameters():
      if p.ndim > 1 and key.endswith(".weight") and "embedding." not in key:
        found[f"{part}.{key.removeprefix('text_model.').removesuffix('.weight')}"] = p
  return found
