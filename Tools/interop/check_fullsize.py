#!/usr/bin/env python3
"""Exports at Stable Diffusion 1.5's shape load in diffusers: a LoRA in both forms, the tuned model as folder and as
single file, and a conversion of the base; a checkpoint in the original layout is opened here.

    python Tools/interop/check_fullsize.py --binary .build/release/dreambooth --work /tmp/fullsize

The base has random weights (2 GB, f16), and the run has two steps at 64 pixels. Run it where `models` is. Needs 16 GiB of
memory and 20 GB of disk at WORK, which is emptied afterwards.
"""

import argparse
import gc
import json
import pathlib
import shutil
import sys

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file
import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from check_formats import Base, Bench
from exports import Export, recipe
from foreign import write_original
from pictures import GOLDEN, SD1, TOKENIZER_FILES, hear
from tally import Tally, run

sys.path.insert(0, str(GOLDEN))
import keys  # noqa: E402

TOKENIZER = GOLDEN.parent.parent / "models/tokenizers/clip"


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--binary", type=pathlib.Path, required=True, help="the `dreambooth` binary")
  parser.add_argument("--work", type=pathlib.Path, required=True, help="an empty folder on a disk with 16 GB to spare")
  parser.add_argument("--keep", action="store_true", help="leave the files")
  arguments = parser.parse_args()
  hear(lambda: None)
  arguments.work.mkdir(parents=True, exist_ok=True)
  tally = Tally()
  try:
    check(tally, arguments.binary.resolve(), arguments.work.resolve())
  finally:
    if not arguments.keep:
      shutil.rmtree(arguments.work)
  tally.finish()


def check(tally, binary, work):
  base = Base("sd15", write_base(work / "base"))
  bench = Bench(tally, binary, base, work / "run", None)
  # Full pictures would take minutes and show no more.
  bench.size, bench.latents = 64, torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
  photos = bench.work / "photos"
  bench.check(run(binary, "toybox", "--subject", "7", "--class", "dog", "--output", photos), "photos are drawn")
  parts = dict(method="lora", lora=dict(rank=4, alpha=4), exports=["lora_peft", "lora_kohya", "diffusers", "single_file"])
  settings = recipe(**parts)
  settings["training"] |= dict(steps=2, learning_rate=0.05, resolution=64, checkpoint_every=2)
  settings["samples"] |= dict(steps=1, guidance=1)
  export = Export(bench, "lora", parts, settings)
  export.check()
  gc.collect()
  shutil.rmtree(export.folder, ignore_errors=True)
  converted(bench, work / "base.safetensors")
  imported(bench, work / "original.safetensors")


def imported(bench, file):
  """A checkpoint as the original scripts write it, which says nothing of its configuration."""
  pipeline = bench.base.open()
  write_original(pipeline, file, torch.float16)
  bench.same("a single file from elsewhere", pipeline, ["--model", file], effect=False)


def converted(bench, file):
  """The base as a single file: the same numbers under the original's names."""
  if not bench.check(run(bench.binary, "convert", bench.base.folder, file, "--to", "single-file"),
                     "the base converts to a single file"):
    return
  pipeline, about = hear(lambda: StableDiffusionPipeline.from_single_file(
    str(file), config=str(bench.base.folder), local_files_only=True))
  bench.check(not about, "the converted base loads in diffusers without a warning about keys")
  for part in ["unet", "vae", "text_encoder"]:
    stored = {k: v for f in (bench.base.folder / part).glob("*.safetensors") for k, v in load_file(f).items()}
    found = getattr(pipeline, part).state_dict()
    differing = [k for k, v in stored.items() if k not in found or not torch.equal(found[k].float(), v.float())]
    bench.check(not differing, f"{part}: {len(stored)} tensors are the same" + (f" but {differing[:4]}" if differing else ""))


def write_base(folder):
  """Random weights in the shape of Stable Diffusion 1.5, f16, a part at a time."""
  torch.manual_seed(1)
  for part, make in [("unet", lambda: UNet2DConditionModel(**keys.UNET15)), ("vae", lambda: AutoencoderKL(**keys.VAE)),
                     ("text_encoder", lambda: CLIPTextModel(CLIPTextConfig(**keys.TEXT15)))]:
    make().half().save_pretrained(folder / part)
    gc.collect()
  DDIMScheduler(**SD1).save_pretrained(folder / "scheduler")
  CLIPTokenizer.from_pretrained(TOKENIZER).save_pretrained(folder / "tokenizer")
  for file in TOKENIZER_FILES:
    shutil.copy(TOKENIZER / file, folder / "tokenizer" / file)
  index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.42.1", "feature_extractor": [None, None],
           "image_encoder": [None, None], "requires_safety_checker": False, "safety_checker": [None, None],
           "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"],
           "tokenizer": ["transformers", "CLIPTokenizer"], "unet": ["diffusers", "UNet2DConditionModel"],
           "vae": ["diffusers", "AutoencoderKL"]}
  (folder / "model_index.json").write_text(json.dumps(index, indent=2))
  return folder


if __name__ == "__main__":
  main()
