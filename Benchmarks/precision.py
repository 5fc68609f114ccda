#!/usr/bin/env python3
"""Whether training in bf16 follows the loss of f32: DreamBooth on the starter model, each seed in both formats.

    python3 Benchmarks/precision.py [--binary .build/release/dreambooth] [--steps 500] [--seeds 1,2,3]

Runs of one seed draw the same photos, timesteps and noise, so their losses differ by rounding alone. Writes curves and a
table into docs/PERFORMANCE.md. Some minutes; needs no package.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

from chart import chart
import page

ROOT = pathlib.Path(__file__).resolve().parent.parent
WINDOW = 50  # steps that are averaged: a single loss depends on its timestep above all


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/dreambooth")
  parser.add_argument("--steps", type=int, default=500)
  parser.add_argument("--seeds", default="1,2,3")
  a = parser.parse_args()
  seeds = [int(s) for s in a.seeds.split(",")]
  with tempfile.TemporaryDirectory() as folder:
    curves = Runs(a.binary.resolve(), pathlib.Path(folder), a.steps).curves(seeds)
  page.section("precision", written(curves, seeds, a.steps))


class Runs:

  def __init__(self, binary, folder, steps):
    self.binary, self.folder, self.steps = binary, folder, steps
    self.run("toybox", "--subject", 7, "--class", "dog", "--count", 5, "--output", folder / "photos")
    self.train("first", "--class", "dog", "--prior-images", 0, "--steps", 1)
    self.recipe = json.loads((folder / "first/report.json").read_text())["recipe"]

  def curves(self, seeds):
    return {(precision, seed): self.losses(precision, seed) for seed in seeds for precision in ["f32", "bf16"]}

  def losses(self, precision, seed):
    recipe = json.loads(json.dumps(self.recipe))
    recipe["training"] |= dict(precision=precision, seed=seed, steps=self.steps, checkpoint_every=self.steps)
    recipe["samples"] |= dict(every=self.steps, steps=1)
    file = self.folder / "recipe.json"
    file.write_text(json.dumps(recipe))
    events = self.train(f"{precision}-{seed}", "--recipe", file, "--json")
    lines = [json.loads(line) for line in events.splitlines() if line.startswith("{")]
    losses = [line["step"]["_0"]["loss"] for line in lines if "step" in line]
    print(f"{precision}, seed {seed}: {len(losses)} steps, last {WINDOW} {statistics.mean(losses[-WINDOW:]):.4f}", flush=True)
    return losses

  def train(self, name, *arguments):
    return self.run("train", "--base", "starter", "--images", self.folder / "photos", "--output", self.folder / name,
                    *arguments)

  def run(self, *arguments):
    done = subprocess.run([str(x) for x in [self.binary, *arguments]], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
      sys.exit(f"{self.binary} {arguments[0]}: exit {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout


def written(curves, seeds, steps):
  smooth = {key: [(i + 1, statistics.mean(losses[i - WINDOW + 1:i + 1])) for i in range(WINDOW - 1, steps, 5)]
            for key, losses in curves.items()}
  at = lambda precision, seed, i: smooth[precision, seed][i][1]
  points = range(len(smooth["f32", seeds[0]]))
  gap = [[abs(at("bf16", s, i) - at("f32", s, i)) for i in points] for s in seeds]
  spread = [statistics.stdev(at("f32", s, i) for s in seeds) for i in points]
  chart(page.PICTURES / "precision.svg", [
    dict(title=f"loss, mean of {WINDOW} steps", x="step", y="loss", dots=False, from_zero=False, names="right",
         lines=[(f"{p}, seed {s}", smooth[p, s]) for s in seeds for p in ["f32", "bf16"]]),
    dict(title="bf16 against f32, and seed against seed", x="step", y="difference of loss", dots=False,
         lines=[(f"bf16 - f32, seed {s}", [(smooth["f32", s][i][0], gap[n][i]) for i in points])
                for n, s in enumerate(seeds)] +
               [("deviation over seeds, f32", [(smooth["f32", seeds[0]][i][0], spread[i]) for i in points])])])
  mean = statistics.mean
  lines = ["![losses in both formats](pictures/precision.svg)", "",
           f"| seed | loss of all {steps} steps, f32 | bf16 | last {WINDOW}, f32 | bf16 | largest difference of the smoothed curves |",
           "|---|---|---|---|---|---|"]
  for n, s in enumerate(seeds):
    f32, bf16 = curves["f32", s], curves["bf16", s]
    lines.append(f"| {s} | {mean(f32):.4f} | {mean(bf16):.4f} | {mean(f32[-WINDOW:]):.4f} | {mean(bf16[-WINDOW:]):.4f} | "
                 f"{max(gap[n]):.4f} |")
  largest, typical = max(max(g) for g in gap), mean(spread)
  lines += ["", f"The smoothed curves of one seed differ by {largest:.4f} at most, {mean(x for g in gap for x in g):.4f} on "
            f"average; those of different seeds by {typical:.4f} (standard deviation, on average over the steps), "
            f"{typical / mean(x for g in gap for x in g):.0f} times as much."]
  return "\n".join(lines)


if __name__ == "__main__":
  main()
