#!/usr/bin/env python3
"""Writes Tests/Fixtures/keys/*.single_file.json and sd15.kohya.json: names of other layouts, each with the name that
diffusers' own converter gives its tensor. Run after keys.py.

The foreign names are spelled here, and prove themselves: converted, they must give every key of the component.
Numbered tensors go through the converters, so that a number tells which name a key came from.
"""

import json
import re

from diffusers.loaders import lora_conversion_utils, single_file_utils
import torch

from make import HERE, check_versions

KEYS = HERE.parent.parent / "Tests/Fixtures/keys"
RESIDUAL = dict(norm1="in_layers.0", conv1="in_layers.2", time_emb_proj="emb_layers.1", norm2="out_layers.0",
                conv2="out_layers.3", conv_shortcut="skip_connection")
VAE = [(r"conv_norm_out", "norm_out"), (r"conv_shortcut", "nin_shortcut"),
       (r"down_blocks\.(\d)\.resnets\.", r"down.\1.block."),
       (r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample"),
       (r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block."),
       (r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample"),
       (r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}"),
       (r"mid_block\.attentions\.0", "mid.attn_1"), (r"group_norm", "norm"), (r"\.to_([qkv])\.", r".\1."),
       (r"to_out\.0", "proj_out")]
OPEN_CLIP = [(r"embeddings\.token_embedding", "token_embedding"),
             (r"embeddings\.position_embedding\.weight", "positional_embedding"), (r"final_layer_norm", "ln_final"),
             (r"encoder\.layers", "transformer.resblocks"), (r"layer_norm", "ln_"), (r"mlp\.fc1", "mlp.c_fc"),
             (r"mlp\.fc2", "mlp.c_proj"), (r"self_attn\.out", "attn.out"),
             (r"self_attn\.[qkv]_proj\.", "attn.in_proj_")]


def component(name):
  file = json.loads((KEYS / f"{name}.json").read_text())
  return [k for k in file["keys"] if "position_ids" not in k], file["config"]


def renamed(keys, rules, prefix):
  for pattern, name in rules:
    keys = [re.sub(pattern, name, k) for k in keys]
  return sorted({prefix + k for k in keys})


def unet_name(key, keys, layers=2):
  p = key.split(".")
  inner = lambda q: f"{RESIDUAL[q[0]]}.{q[1]}" if len(q) == 2 and q[0] in RESIDUAL else ".".join(q)
  ends = dict(conv_in="input_blocks.0.0", conv_norm_out="out.0", conv_out="out.2")
  if p[0] in ends:
    return f"{ends[p[0]]}.{p[1]}"
  if p[0] == "time_embedding":
    return f"time_embed.{2 * (p[1] == 'linear_2')}.{p[2]}"
  if p[0] == "mid_block":
    return f"middle_block.{1 if p[1] == 'attentions' else 2 * int(p[2])}.{inner(p[3:])}"
  level, layer, down = int(p[1]), int(p[3]), p[0] == "down_blocks"
  if p[2] == "downsamplers":
    return f"input_blocks.{(level + 1) * (layers + 1)}.0.op.{p[5]}"
  if p[2] == "upsamplers":
    attends = any(k.startswith(f"up_blocks.{level}.attentions") for k in keys)
    return f"output_blocks.{level * (layers + 1) + layers}.{2 if attends else 1}.conv.{p[5]}"
  arm = "input_blocks" if down else "output_blocks"
  return f"{arm}.{level * (layers + 1) + layer + down}.{int(p[2] == 'attentions')}.{inner(p[4:])}"


def paired(names, keys, convert):
  """name -> key, by a number in each tensor; thirds of a tensor are written name[0..2]."""
  def numbered(i, name):
    parts = torch.tensor([3.0 * i + third for third in range(3)])
    return parts if name.endswith("in_proj_bias") else parts[:, None] if "in_proj" in name else parts[:1, None]
  found = {}
  for key, tensor in convert({n: numbered(i, n) for i, n in enumerate(names)}).items():
    i, third = divmod(int(tensor.flatten()[0]), 3)
    found[names[i] + (f"[{third}]" if "in_proj" in names[i] else "")] = key.removeprefix("text_model.")
  assert sorted(found.values()) == sorted(keys), set(found.values()) ^ set(keys)
  return found


def open_clip(checkpoint):
  model = type("Model", (), {"config": type("Config", (), {"hidden_size": 1})})
  return single_file_utils.convert_open_clip_checkpoint(model, checkpoint)


def kohya(keys):
  """Layer names as kohya's scripts build them, and the layers that diffusers finds them to be."""
  layers = sorted(k.removesuffix(".weight") for k, shape in keys.items() if k.endswith(".weight") and len(shape) > 1)
  found = {}
  for i, layer in enumerate(layers):
    name = "lora_unet_" + layer.replace(".", "_")
    state = {f"{name}.lora_down.weight": torch.full((1, 1), float(i)), f"{name}.lora_up.weight": torch.zeros(1, 1)}
    converted, _ = lora_conversion_utils._convert_non_diffusers_lora_to_diffusers(state)
    key = next(k for k in converted if ".down." in k).removeprefix("unet.").replace(".processor", "")
    key = re.sub(r"(_lora|\.lora)\.down\.weight$", "", key)
    found[name] = re.sub(r"to_out$", "to_out.0", key)
  assert sorted(found.values()) == layers, set(found.values()) ^ set(layers)
  return found


def write(name, parts):
  body = ",\n".join(
    f'"{part}": {{\n' + ",\n".join(f" {json.dumps(a)}: {json.dumps(b)}" for a, b in sorted(pairs.items())) + "\n}"
    for part, pairs in parts.items())
  (KEYS / f"{name}.json").write_text("{\n" + body + "\n}\n")


def main():
  check_versions()
  convert = single_file_utils
  unet, config = component("sd15.unet")
  vae, vae_config = component("sd15.vae")
  text, _ = component("sd15.text_encoder")
  text2, _ = component("sd21.text_encoder")
  prefix = "model.diffusion_model."
  write("sd15.single_file", {
    "unet": paired(sorted(prefix + unet_name(k, unet) for k in unet), unet,
                   lambda c: convert.convert_ldm_unet_checkpoint(c, config)),
    "vae": paired(renamed(vae, VAE, "first_stage_model."), vae,
                  lambda c: convert.convert_ldm_vae_checkpoint(c, vae_config)),
    "text_encoder": paired(renamed(text, [], "cond_stage_model.transformer.text_model."), text,
                           convert.convert_ldm_clip_checkpoint)})
  write("sd21.single_file", {"text_encoder": paired(renamed(text2, OPEN_CLIP, "cond_stage_model.model."), text2, open_clip)})
  write("sd15.kohya", {"unet": kohya(json.loads((KEYS / "sd15.unet.json").read_text())["keys"])})


if __name__ == "__main__":
  main()
