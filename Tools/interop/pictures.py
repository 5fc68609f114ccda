"""Pictures of both sides from the same latents, and what a library says while it loads."""

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

from tally import run

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from configs import CONFIGS  # noqa: E402
from fixture import Fixture  # noqa: E402
from models import text_config, unet_config, vae_config  # noqa: E402
from samplers import SD1  # noqa: E402

ABOUT_KEYS = re.compile(
  r"\bkeys?\b|unexpected|missing|not used|newly initialized|mismatch|not initialized|no lora|not found|ignored", re.I)
# What `load_lora_weights` says of every file that changes the U-Net alone, diffusers' own among them.
OF_NO_MATTER = re.compile(r"safe to ignore if LoRA state dict didn't originally have any CLIPTextModel")
TOKENIZER_FILES = ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"]


def hear(call):
  """The result, and every warning and log line about keys on the way; the others are shown."""
  heard = io.StringIO()
  handler = logging.StreamHandler(heard)
  loggers = [logging.getLogger(name) for name in ("diffusers", "transformers", "safetensors", "huggingface_hub", "peft")]
  diffusers.logging.set_verbosity_warning()
  transformers.logging.set_verbosity_warning()
  transformers.logging.disable_progress_bar()
  diffusers.logging.disable_progress_bar()
  for logger in loggers:
    logger.addHandler(handler)
  try:
    with warnings.catch_warnings(record=True) as caught:
      warnings.simplefilter("always")
      result = call()
  finally:
    diffusers.logging.set_verbosity_error()
    transformers.logging.set_verbosity_error()
    for logger in loggers:
      logger.removeHandler(handler)
  said = [line for line in [*heard.getvalue().splitlines(), *(str(w.message) for w in caught)] if line.strip()]
  for line in said:
    if not OF_NO_MATTER.search(line):
      print(f"      said: {line[:300]}")
  return result, [line for line in said if ABOUT_KEYS.search(line) and not OF_NO_MATTER.search(line)]


def open_folder(folder, **more):
  return with_ddim(StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True, **more))


def with_ddim(pipeline):
  pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
  pipeline.set_progress_bar_config(disable=True)
  return pipeline


def draw_latents(pipeline, seed):
  side = pipeline.unet.config.sample_size
  return torch.randn(1, pipeline.unet.config.in_channels, side, side, generator=torch.Generator().manual_seed(seed))


def their_picture(pipeline, latents, prompt, negative, guidance, steps):
  with torch.no_grad():
    picture = pipeline(prompt, negative_prompt=negative, latents=latents.clone(), guidance_scale=guidance,
                       num_inference_steps=steps, output_type="np").images[0]
  return np.round(picture * 255)


def our_picture(binary, arguments, latents, prompt, negative, guidance, steps, size):
  """What `dreambooth sample` draws with these arguments; None if it fails."""
  with tempfile.TemporaryDirectory() as temporary:
    temporary = pathlib.Path(temporary)
    save_file({"latents": latents}, temporary / "latents.safetensors")
    out = temporary / "out"
    good = run(binary, "sample", *arguments, "--prompt", prompt, "--negative", negative, "--output", out, "--steps", steps,
               "--cfg", guidance, "--sampler", "ddim", "--size", f"{size}x{size}", "--precision", "f32",
               "--latents", temporary / "latents.safetensors")
    # A grid beside the picture is not the picture.
    pictures = [p for p in sorted(out.rglob("*.png")) if "grid" not in p.name] if good else []
    return np.asarray(Image.open(pictures[0]).convert("RGB"), dtype=np.float64) if pictures else None


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
  for file in TOKENIZER_FILES:
    shutil.copy(tokenizer_folder / file, folder / "tokenizer" / file)
  return folder
