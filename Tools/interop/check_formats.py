#!/usr/bin/env python3
"""Every file format in both directions: what `dreambooth` writes is loaded by diffusers without a word about keys, what
diffusers, peft and kohya's scripts write is loaded here, and both sides draw the same picture from the same latents.

    python Tools/interop/check_formats.py --binary .build/release/dreambooth --model models/starter [--random]

Pictures are compared in f32 with DDIM: the mean absolute difference has to stay under 1/255, and against the picture of
the untouched base it has to be over 1/255, so that a file that changes nothing is seen. --random adds small models of
random weights in the style of SD 1.x and 2.x. Needs the packages of Tools/golden/requirements.txt.
"""

import argparse
import pathlib
import tempfile

import numpy as np
import torch

from pictures import draw_latents, hear, make_random, open_folder, our_picture, their_picture
from tally import Tally

PROMPT, GUIDANCE, STEPS, SEED = "a photo of a dog", 4.0, 6, 5


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--binary", type=pathlib.Path, required=True, help="the `dreambooth` binary")
  parser.add_argument("--model", type=pathlib.Path, nargs="*", default=[], help="base models, diffusers folders")
  parser.add_argument("--random", action="store_true", help="also small models of random weights")
  parser.add_argument("--only", help="checks whose name holds this")
  parser.add_argument("--keep", type=pathlib.Path, help="work here and leave everything")
  arguments = parser.parse_args()
  import exports, imports

  hear(lambda: None)  # the libraries speak where they are listened to
  torch.set_num_threads(1)
  tally = Tally()
  with tempfile.TemporaryDirectory() as temporary:
    work = arguments.keep or pathlib.Path(temporary)
    bases = [Base(folder.name, folder.resolve()) for folder in arguments.model]
    for style in ["unet_sd1", "unet_sd2"] if arguments.random else []:
      bases.append(Base(style.replace("unet", "random"), make_random(work / style, style, 1)))
    for base in bases:
      bench = Bench(tally, arguments.binary.resolve(), base, work / base.name, arguments.only)
      exports.check(bench)
      imports.check(bench)
  tally.finish()


class Base:
  """A base model as a folder in diffusers layout."""

  def __init__(self, name, folder):
    self.name, self.folder, self.plain = name, folder, {}

  def open(self):
    return open_folder(self.folder)


class Bench:

  def __init__(self, tally, binary, base, work, only):
    self.tally, self.binary, self.base, self.work, self.only = tally, binary, base, work, only
    work.mkdir(parents=True, exist_ok=True)
    pipeline = base.open()
    self.latents = draw_latents(pipeline, SEED)
    self.size = pipeline.unet.config.sample_size * pipeline.vae_scale_factor

  def wants(self, name):
    return self.only is None or self.only in name

  def check(self, good, what):
    return self.tally.check(good, f"{self.base.name}: {what}")

  def theirs(self, pipeline, prompt=PROMPT):
    return their_picture(pipeline, self.latents, prompt, "", GUIDANCE, STEPS)

  def ours(self, arguments, prompt=PROMPT):
    return our_picture(self.binary, arguments, self.latents, prompt, "", GUIDANCE, STEPS, self.size)

  def plain(self, prompt=PROMPT):
    """What the untouched base draws."""
    if prompt not in self.base.plain:
      self.base.plain[prompt] = self.theirs(self.base.open(), prompt)
    return self.base.plain[prompt]

  def same(self, what, pipeline, arguments, prompt=PROMPT, effect=True):
    """Draws on both sides and compares; returns their picture."""
    theirs, ours = self.theirs(pipeline, prompt), self.ours(arguments, prompt)
    if ours is None or ours.shape != theirs.shape:
      self.check(False, f"{what}: no picture of shape {theirs.shape}")
      return theirs
    difference, change = np.abs(ours - theirs), np.abs(theirs - self.plain(prompt)).mean() if effect else 0
    self.check(difference.mean() < 1 and (change > 1 or not effect),
               f"{what}: same picture, mean difference {difference.mean():.4f}/255, largest {difference.max():.0f}" +
               (f", {change:.1f}/255 from the base's" if effect else ""))
    return theirs


if __name__ == "__main__":
  main()
