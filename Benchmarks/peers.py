#!/usr/bin/env python3
"""The works of `dreambooth bench` as a user of PyTorch and diffusers would run them, with random weights.

    python peers.py WORK [--dtype bf16|autocast|f32] [--config sd15|small] [--batch N] [--size PIXELS] [--steps N]
                         [--threads N] [--model FOLDER] [--flops]

One JSON line a step: seconds and peak resident memory in 10^9 bytes. `autocast` keeps the weights in f32, `bf16` stores
them so; what trains stays in f32. --flops counts the arithmetic of one step instead, without recomputation.
"""

import argparse
import contextlib
import json
import os
import pathlib
import resource
import time

import diffusers
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode
import transformers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TOKENIZER = pathlib.Path(__file__).resolve().parent.parent / "models/tokenizers/clip"
UNETS = {
  "sd15": dict(
    sample_size=64, layers_per_block=2, block_out_channels=(320, 640, 1280, 1280),
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3, cross_attention_dim=768, attention_head_dim=8),
  "small": dict(
    sample_size=16, layers_per_block=1, block_out_channels=(64, 128, 192),
    down_block_types=("CrossAttnDownBlock2D",) * 2 + ("DownBlock2D",),
    up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 2, cross_attention_dim=128, attention_head_dim=4,
    norm_num_groups=16),
}
VAE = dict(
  block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, latent_channels=4,
  layers_per_block=2, sample_size=512, up_block_types=("UpDecoderBlock2D",) * 4)
TEXT = dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, vocab_size=49408)
TOKENS = {"sd15": 77, "small": 14}


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("work", choices=WORKS)
  parser.add_argument("--dtype", choices=["bf16", "autocast", "f32"], default="bf16")
  parser.add_argument("--config", choices=UNETS, default="sd15")
  parser.add_argument("--batch", type=int, default=1)
  parser.add_argument("--size", type=int, default=512, help="side of the picture in pixels")
  parser.add_argument("--steps", type=int, default=3, help="repetitions; sampler steps of `generate`")
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--model", help="`load`: a folder of a U-Net")
  parser.add_argument("--flops", action="store_true")
  a = parser.parse_args()
  a.device = "meta" if a.flops else "cpu"
  a.side = UNETS[a.config]["sample_size"] if a.config == "small" else a.size // 8
  diffusers.logging.set_verbosity_error()
  transformers.logging.set_verbosity_error()
  torch.set_num_threads(a.threads)
  torch.manual_seed(0)
  step = WORKS[a.work](a)
  if a.flops:
    with FlopCounterMode(display=False) as counter:
      step()
    print(json.dumps({"flops": counter.get_total_flops()}))
    return
  for _ in range(1 if a.work == "generate" else a.steps):
    start = time.perf_counter()
    step()
    report(time.perf_counter() - start, "picture" if a.work == "generate" else None)


def report(seconds, part=None):
  rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
  line = {"total": round(seconds, 4), "rss_gb": round(rss, 2)} | ({"part": part} if part else {})
  print(json.dumps(line), flush=True)


# MARK: - Models


def ready(make, a, dtype=None):
  """A model with weights of a plausible size, in far less time than its own initialisation takes."""
  with torch.device("meta"):
    model = make().to(dtype or (torch.bfloat16 if a.dtype == "bf16" else torch.float32))
  if a.flops:
    return model
  model.to_empty(device="cpu")
  noise = torch.randn(1 << 20)
  for name, p in model.named_parameters():
    if p.dim() > 1:
      flat = p.data.view(-1)
      for i in range(0, flat.numel(), noise.numel()):
        part = flat[i:i + noise.numel()]
        part.copy_(noise[:part.numel()] / p[0].numel()**0.5)
    else:
      p.data.fill_(name.endswith("weight"))  # norms are 1, biases 0
  return model


def unet(a, training=False):
  model = ready(lambda: UNet2DConditionModel(in_channels=4, out_channels=4, **UNETS[a.config]), a)
  return model.train(training).requires_grad_(False)


def vae(a):
  return ready(lambda: AutoencoderKL(**VAE), a).eval().requires_grad_(False)


def text_encoder(a, dtype):
  with torch.device(a.device):
    return CLIPTextModel(CLIPTextConfig(**TEXT)).to(dtype).eval().requires_grad_(False)


def number_format(a):
  return torch.bfloat16 if a.dtype == "bf16" else torch.float32


def autocast(a, also_bf16=False):
  on = a.dtype == "autocast" or (also_bf16 and a.dtype == "bf16")
  return torch.autocast("cpu", dtype=torch.bfloat16) if on and not a.flops else contextlib.nullcontext()


def normal(a, *shape, dtype=None):
  return torch.randn(*shape, dtype=dtype or number_format(a), device=a.device)


def inputs(a):
  width = UNETS[a.config]["cross_attention_dim"]
  return (normal(a, a.batch, 4, a.side, a.side), torch.randint(1000, (a.batch,), device=a.device),
          normal(a, a.batch, TOKENS[a.config], width))


# MARK: - Works: each makes its models and returns one step


def forward(a):
  model, (x, t, context) = unet(a), inputs(a)
  return frozen(a, lambda: model(x, t, context).sample)


def vae_decode(a):
  model, z = vae(a), normal(a, a.batch, 4, a.side, a.side)
  return frozen(a, lambda: model.decode(z).sample)


def vae_encode(a):
  model, x = vae(a), normal(a, a.batch, 3, a.size, a.size)
  return frozen(a, lambda: model.encode(x).latent_dist.mean)


def frozen(a, body):
  def step():
    with torch.no_grad(), autocast(a):
      body()
  return step


def full(a):
  """All weights learn. At full size, as in the published script, activations are computed again on the way back."""
  model, (x, t, context) = unet(a, training=True).requires_grad_(True), inputs(a)
  if a.config == "sd15" and not a.flops:
    model.enable_gradient_checkpointing()
  return trained(a, list(model.parameters()), lambda: model(x, t, context).sample)


def lora(a):
  from peft import LoraConfig
  model, (x, t, context) = unet(a, training=True), inputs(a)
  model.add_adapter(LoraConfig(r=8, lora_alpha=8, target_modules=["to_k", "to_q", "to_v", "to_out.0"]))
  learning = [p for p in model.parameters() if p.requires_grad]
  for p in learning:
    p.data = p.data.float()
  return trained(a, learning, lambda: model(x, t, context).sample)


def textual_inversion(a):
  """One row of the embedding table learns; unlike the published script, which steps the whole table."""
  model, text, (x, t, _) = unet(a, training=True), text_encoder(a, torch.float32), inputs(a)
  row = torch.nn.Parameter(normal(a, TEXT["hidden_size"], dtype=torch.float32) * 0.02)
  ids = torch.randint(49000, (a.batch, 77), device=a.device)
  here = (torch.arange(77, device=a.device) == 38).view(1, 77, 1)
  table = next(m for m in text.modules() if isinstance(m, torch.nn.Embedding) and m.num_embeddings > 77)
  table.register_forward_hook(lambda module, given, output: torch.where(here, row, output))
  return trained(a, [row], lambda: model(x, t, text(input_ids=ids).last_hidden_state.to(x.dtype)).sample)


def trained(a, parameters, prediction):
  optimiser = torch.optim.AdamW(parameters, lr=1e-6)

  def step():
    with autocast(a, also_bf16=True):
      y = prediction()
      loss = F.mse_loss(y.float(), torch.randn(y.shape, device=a.device))
    loss.backward()
    optimiser.step()
    optimiser.zero_grad()

  def counted():
    F.mse_loss(prediction(), normal(a, a.batch, 4, a.side, a.side)).backward()

  return counted if a.flops else step


def load(a):
  # The type that the file's f16 weights are used in.
  return lambda: UNet2DConditionModel.from_pretrained(a.model, torch_dtype=number_format(a))


def generate(a):
  """DPM++ 2M with Karras' noise levels, guidance, decode."""
  text = text_encoder(a, number_format(a))
  schedule = DPMSolverMultistepScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", use_karras_sigmas=True)
  pipeline = StableDiffusionPipeline(
    vae=vae(a), text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(TOKENIZER), unet=unet(a), scheduler=schedule,
    safety_checker=None, feature_extractor=None, requires_safety_checker=False)
  pipeline.set_progress_bar_config(disable=True)
  clock = [time.perf_counter()]

  def finished(pipeline, number, timestep, tensors):
    report(time.perf_counter() - clock[0], "step")
    clock[0] = time.perf_counter()
    return tensors

  def step():
    clock[0] = time.perf_counter()
    with autocast(a):
      pipeline("a photo of a dog", num_inference_steps=a.steps, guidance_scale=7.5, height=a.size, width=a.size,
               callback_on_step_end=finished)

  return step


WORKS = {
  "forward": forward, "full": full, "lora": lora, "textual-inversion": textual_inversion, "vae-decode": vae_decode,
  "vae-encode": vae_encode, "load": load, "generate": generate,
}

if __name__ == "__main__":
  os.environ.setdefault("HF_HUB_OFFLINE", "1")
  main()
