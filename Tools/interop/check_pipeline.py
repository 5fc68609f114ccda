#!/usr/bin/env python3
"""Holds a model folder against diffusers: it loads without a word about keys, and both draw the same picture.

    python Tools/interop/check_pipeline.py --model models/starter --binary .build/release/dreambooth

Needs the packages of Tools/golden/requirements.txt. Both sides get the same latents, prompt, sampler (DDIM) and guidance,
and compute in f32; the mean absolute pixel difference has to stay under 1/255.
"""

import argparse
import io
import logging
import pathlib
import re
import tempfile
import warnings

import diffusers
from diffusers import DDIMScheduler, StableDiffusionPipeline
import numpy as np
from PIL import Image
from safetensors.torch import save_file
import torch
import transformers

from tally import Tally, run

ABOUT_KEYS = re.compile(r"key|unexpected|missing|not used|newly initialized|mismatch|not initialized", re.I)
DRAWINGS = [  # prompt, negative prompt, guidance
  ("a photo of a dog", "", 5.0), ("a painting of a red cup on a table", "blue", 7.5), ("", "", 1.0)]


def load(folder):
  """The pipeline, and every warning and log line on the way."""
  heard = io.StringIO()
  handler = logging.StreamHandler(heard)
  loggers = [logging.getLogger(name) for name in ("diffusers", "transformers", "safetensors", "huggingface_hub")]
  diffusers.logging.set_verbosity_warning()
  transformers.logging.set_verbosity_warning()
  for logger in loggers:
    logger.addHandler(handler)
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    pipeline = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32, local_files_only=True)
  for logger in loggers:
    logger.removeHandler(handler)
  said = [*heard.getvalue().splitlines(), *(str(w.message) for w in caught)]
  return pipeline, [line for line in said if line.strip()]


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--model", type=pathlib.Path, required=True, nargs="+", help="folders in diffusers layout")
  parser.add_argument("--binary", type=pathlib.Path, required=True, help="the `dreambooth` binary")
  parser.add_argument("--prompt", help="one prompt instead of the built-in ones")
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--seed", type=int, default=1)
  arguments = parser.parse_args()
  tally = Tally()
  for folder in arguments.model:
    check(tally, folder, arguments)
  tally.finish()


def check(tally, folder, arguments):
  pipeline, said = load(folder)
  about = [line for line in said if ABOUT_KEYS.search(line)]
  for line in said:
    print(f"      said: {line}")
  tally.check(not about, f"{folder} loads in diffusers {diffusers.__version__} without a warning about keys")
  pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
  pipeline.set_progress_bar_config(disable=True)
  side = pipeline.unet.config.sample_size
  channels, scale = pipeline.unet.config.in_channels, pipeline.vae_scale_factor
  generator = torch.Generator().manual_seed(arguments.seed)
  drawings = [(arguments.prompt, "", 5.0)] if arguments.prompt else DRAWINGS
  for prompt, negative, guidance in drawings:
    latents = torch.randn(1, channels, side, side, generator=generator)
    with torch.no_grad():
      theirs = pipeline(prompt, negative_prompt=negative, latents=latents.clone(), guidance_scale=guidance,
                        num_inference_steps=arguments.steps, output_type="np").images[0]
    theirs = np.round(theirs * 255)
    what = f"{folder} '{prompt}', guidance {guidance}"
    ours = draw(arguments, folder, latents, prompt, negative, guidance, side * scale)
    if ours is None or ours.shape != theirs.shape:
      tally.check(False, f"{what}: no picture of shape {theirs.shape}")
      continue
    difference = np.abs(ours - theirs)
    tally.check(difference.mean() < 1, f"{what}: mean absolute difference {difference.mean():.5f}/255, "
                f"largest {difference.max():.0f}, contrast of the picture {theirs.std():.1f}")


def draw(arguments, folder, latents, prompt, negative, guidance, size):
  with tempfile.TemporaryDirectory() as temporary:
    temporary = pathlib.Path(temporary)
    save_file({"latents": latents}, temporary / "latents.safetensors")
    out = temporary / "out"
    good = run(arguments.binary, "sample", "--model", folder, "--prompt", prompt, "--negative", negative, "--output", out,
               "--steps", arguments.steps, "--cfg", guidance, "--sampler", "ddim", "--size", f"{size}x{size}",
               "--precision", "f32", "--latents", temporary / "latents.safetensors")
    # A grid beside the picture is not the picture.
    pictures = [p for p in sorted(out.rglob("*.png")) if "grid" not in p.name] if good else []
    return np.asarray(Image.open(pictures[0]).convert("RGB"), dtype=np.float64) if pictures else None


if __name__ == "__main__":
  main()
