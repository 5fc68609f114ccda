#!/usr/bin/env python3
"""Writes the golden fixtures: what torch, diffusers and transformers compute, for the tests to compare with.

    python Tools/golden/make.py                                   # the committed ones, Tests/Fixtures/golden
    python Tools/golden/make.py --seed 7 --config uneven --out /tmp/golden && GOLDEN_DIR=/tmp/golden make test

Versions are pinned in requirements.txt; MANIFEST.json records them with the digests of these scripts and of every file.
"""

import argparse
import hashlib
import importlib.metadata
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PINNED = dict(line.split("==") for line in (HERE / "requirements.txt").read_text().split() if "==" in line)


def check_versions():
  for package, wanted in PINNED.items():
    found = importlib.metadata.version(package).split("+")[0]
    if found != wanted:
      sys.exit(f"{package} is {found}, the fixtures are made with {wanted}: pip install -r {HERE}/requirements.txt")


def digest(path):
  return hashlib.sha256(path.read_bytes()).hexdigest()


def main():
  check_versions()
  import diffusers
  import torch
  from configs import CONFIGS
  import blocks, dreambooth, methods, models, objective, ops, samplers, tokenizer

  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--config", choices=CONFIGS, default="tiny")
  parser.add_argument("--out", type=pathlib.Path, default=HERE.parent.parent / "Tests/Fixtures/golden")
  arguments = parser.parse_args()

  diffusers.logging.set_verbosity_error()
  torch.set_num_threads(1)
  torch.use_deterministic_algorithms(True)
  out, config = arguments.out, CONFIGS[arguments.config]
  out.mkdir(parents=True, exist_ok=True)
  for old in [*out.glob("*.safetensors"), *out.glob("tokenizer_*/*")]:
    old.unlink()
  written = []
  for family in [ops, blocks, models, samplers, dreambooth, methods, objective]:
    written += [fixture.write(out) for fixture in family.make(arguments.seed, config)]
  written += tokenizer.write(out, arguments.seed)
  manifest = {
    "versions": PINNED,
    "python": ".".join(map(str, sys.version_info[:3])),
    "seed": arguments.seed,
    "config": arguments.config,
    "scripts": {p.name: digest(p) for p in sorted(HERE.glob("*.py")) if p.name != "keys.py"},
    "files": {str(p.relative_to(out)): digest(p) for p in sorted(written)},
  }
  (out / "MANIFEST.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
  total = sum(p.stat().st_size for p in written)
  print(f"{len(written)} files, {total / 1e6:.1f} MB in {out}")


if __name__ == "__main__":
  main()
