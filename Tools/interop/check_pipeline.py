#!/usr/bin/env python3
"""Holds a model folder against diffusers: it loads without a word about keys, and both draw the same picture.

    python Tools/interop/check_pipeline.py --model models/starter --binary .build/release/dreambooth

With --random it makes small models with random weights, in the style of SD 1.x and of 2.x, and holds those.
Needs the packages of Tools/golden/requirements.txt. Both sides get the same latents, prompt, sampler (DDIM) and guidance,
and compute in f32; the mean absolute pixel difference has to stay under 1/255.
"""

import argparse
import io
import logging
import pathlib
import re
import shutil
import sys
import tempfile
import warnings

import diffusers
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
import numpy as np
from PIL import Image
from safetensors.torch import save_file
import torch
import transformers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tally import Tally, run

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from configs import CONFIGS  # noqa: E402
from fixture import Fixture  # noqa: E402
from models import text_config, unet_config, vae_config  # noqa: E402
from samplers import SD1  # noqa: E402

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
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
  for logger in loggers:
    logger.removeHandler(handler)
  said = [*heard.getvalue().splitlines(), *(str(w.message) for w in caught)]
  return pipeline, [line for line in said if line.strip()]


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--model", type=pathlib.Path, nargs="+", default=[], help="folders in diffusers layout")
  parser.add_argument("--random", action="store_true", help="also small models with random weights")
  parser.add_argument("--binary", type=pathlib.Path, required=True, help="the `dreambooth` binary")
  parser.add_argument("--prompt", help="one prompt instead of the built-in ones")
  parser.add_argument("--steps", type=int, default=20)
  parser.add_argument("--seed", type=int, default=1)
  arguments = parser.parse_args()
  tally = Tally()
  for folder in arguments.model:
    check(tally, folder, arguments)
  with tempfile.TemporaryDirectory() as temporary:
    for style in ["unet_sd1", "unet_sd2"] if arguments.random else []:
      check(tally, make_random(pathlib.Path(temporary) / style, style, arguments.seed), arguments)
  tally.finish()


def make_random(folder, style, seed):
  """A pipeline of random weights whose text model takes the rows of the golden tokenizer."""
  tokenizer_folder = GOLDEN.parent.parent / "Tests/Fixtures/golden" / style.replace("unet", "tokenizer")
  tokenizer = CLIPTokenizer.from_pretrained(tokenizer_folder)
  c = CONFIGS["tiny"]
  c = c | dict(context=c["text"]["width"], text=c["text"] | dict(tokens=77, vocab=len(tokenizer)))
  f = Fixture(style, seed)
  unet = f.randomize(UNet2DConditionModel(**unet_config(c, style))).float()
  vae = f.randomize(AutoencoderKL(**vae_config(c))).float()
  act = "quick_gelu" if style == "unet_sd1" else "gelu"
  text = f.randomize(CLIPTextModel(CLIPTextConfig(**text_config(c, hidden_act=act, eos_token_id=2)))).float()
  scheduler = DDIMScheduler(**SD1, prediction_type="epsilon" if style == "unet_sd1" else "v_prediction")
  StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
                          safety_checker=None, feature_extractor=None, requires_safety_checker=False
                          ).save_pretrained(folder)
  for file in ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"]:
    shutil.copy(tokenizer_folder / file, folder / "tokenizer" / file)
  return folder


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
