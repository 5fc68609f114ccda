#!/usr/bin/env python3
"""Writes Tests/Fixtures/keys: every key and shape of the supported checkpoint families, without weights.

Each file holds the component's config as its `config.json` on the hub has it, and its keys in order.
"""

import json
import pathlib

from diffusers import AutoencoderKL, UNet2DConditionModel
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from make import HERE, check_versions

DOWN = ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]
UP = ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]
# https://huggingface.co/stable-diffusion-v1-5/stable-diffusion-v1-5/blob/main/unet/config.json
UNET15 = dict(
  act_fn="silu", attention_head_dim=8, block_out_channels=[320, 640, 1280, 1280], center_input_sample=False,
  cross_attention_dim=768, down_block_types=DOWN, downsample_padding=1, flip_sin_to_cos=True, freq_shift=0,
  in_channels=4, layers_per_block=2, mid_block_scale_factor=1, norm_eps=1e-05, norm_num_groups=32, out_channels=4,
  sample_size=64, up_block_types=UP)
# https://huggingface.co/stabilityai/stable-diffusion-2-1/blob/main/unet/config.json
UNET21 = UNET15 | dict(
  attention_head_dim=[5, 10, 20, 20], cross_attention_dim=1024, dual_cross_attention=False, num_class_embeds=None,
  only_cross_attention=False, sample_size=96, upcast_attention=True, use_linear_projection=True)
VAE = dict(
  act_fn="silu", block_out_channels=[128, 256, 512, 512], down_block_types=["DownEncoderBlock2D"] * 4, in_channels=3,
  latent_channels=4, layers_per_block=2, norm_num_groups=32, out_channels=3, sample_size=512,
  up_block_types=["UpDecoderBlock2D"] * 4)
TEXT15 = dict(
  attention_dropout=0.0, bos_token_id=0, dropout=0.0, eos_token_id=2, hidden_act="quick_gelu", hidden_size=768,
  initializer_factor=1.0, initializer_range=0.02, intermediate_size=3072, layer_norm_eps=1e-05,
  max_position_embeddings=77, model_type="clip_text_model", num_attention_heads=12, num_hidden_layers=12,
  pad_token_id=1, projection_dim=768, vocab_size=49408)
TEXT21 = TEXT15 | dict(
  hidden_act="gelu", hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=23,
  projection_dim=512)

COMPONENTS = {
  "sd15.unet": (UNet2DConditionModel, UNET15), "sd15.vae": (AutoencoderKL, VAE), "sd15.text_encoder": (CLIPTextModel, TEXT15),
  "sd21.unet": (UNet2DConditionModel, UNET21), "sd21.vae": (AutoencoderKL, VAE | dict(sample_size=768)),
  "sd21.text_encoder": (CLIPTextModel, TEXT21),
}


def main():
  check_versions()
  out = HERE.parent.parent / "Tests/Fixtures/keys"
  out.mkdir(parents=True, exist_ok=True)
  for name, (kind, config) in COMPONENTS.items():
    with torch.device("meta"):
      model = kind(CLIPTextConfig(**config)) if kind is CLIPTextModel else kind.from_config(config)
    keys = {k: list(v.shape) for k, v in model.state_dict().items()}
    head = {"_class_name": kind.__name__} if kind is not CLIPTextModel else {"architectures": ["CLIPTextModel"]}
    body = ",\n".join(f" {json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in sorted(keys.items()))
    text = f'{{"config": {json.dumps(head | config, sort_keys=True)},\n"keys": {{\n{body}\n}}}}\n'
    json.loads(text)
    (out / f"{name}.json").write_text(text)
    count = sum(v.numel() for v in model.state_dict().values())
    print(f"{name}: {len(keys)} keys, {count / 1e6:.1f} million parameters")


if __name__ == "__main__":
  main()
