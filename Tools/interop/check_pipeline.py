#!/usr/bin/env python3
"""Holds a model folder against diffusers: it loads without a word about keys, and both draw the same picture.

    python Tools/interop/check_pipeline.py --model models/starter --binary .build/release/dreambooth

With --random it makes small models with random weights, in the style of SD 1.x and of 2.x, and holds those.
Needs the packages of Tools/golden/requirements.txt. Both sides get the same latents, prompt, sampler (DDIM) and guidance,
and compute in f32; the mean absolute pixel difference has to stay under 1/255.
"""

import argparse
import pathlib
import tempfile

import diffusers
import numpy as np
import torch

from pictures import hear, make_random, open_folder, our_picture, their_picture
from tally import Tally

DRAWINGS = [  # prompt, negative prompt, guidance
  ("a photo of a dog", "", 5.0), ("a painting of a red cup on a table", "blue", 7.5), ("", "", 1.0)]


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


def check(tally, folder, arguments):
  pipeline, about = hear(lambda: open_folder(folder))
  tally.check(not about, f"{folder} loads in diffusers {diffusers.__version__} without a warning about keys")
  side = pipeline.unet.config.sample_size
  channels, scale = pipeline.unet.config.in_channels, pipeline.vae_scale_factor
  generator = torch.Generator().manual_seed(arguments.seed)
  drawings = [(arguments.prompt, "", 5.0)] if arguments.prompt else DRAWINGS
  for prompt, negative, guidance in drawings:
    latents = torch.randn(1, channels, side, side, generator=generator)
    theirs = their_picture(pipeline, latents, prompt, negative, guidance, arguments.steps)
    what = f"{folder} '{prompt}', guidance {guidance}"
    ours = our_picture(arguments.binary, ["--model", folder], latents, prompt, negative, guidance, arguments.steps,
                       side * scale)
    if ours is None or ours.shape != theirs.shape:
      tally.check(False, f"{what}: no picture of shape {theirs.shape}")
      continue
    difference = np.abs(ours - theirs)
    tally.check(difference.mean() < 1, f"{what}: mean absolute difference {difference.mean():.5f}/255, "
                f"largest {difference.max():.0f}, contrast of the picture {theirs.std():.1f}")


if __name__ == "__main__":
  main()
