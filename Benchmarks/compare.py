#!/usr/bin/env python3
"""Times the works of `dreambooth bench` beside PyTorch and writes the tables and curves of docs/PERFORMANCE.md.

    swift build -c release --product dreambooth
    PYTHON Benchmarks/compare.py [--only forward,lora,growth] [--quick] [--run 2] [--threads 2] [--page-only]

PYTHON has the packages of Tools/golden/requirements.txt; nothing else in this repository needs it. Ours and theirs take
turns, process by process, each with a first step that does not count; of several number formats of PyTorch the fastest
counts. A finished row is kept in .build/benchmarks/run-N.json and not measured again (--again does), so a run that was
stopped goes on; --run 2 measures the rows once more, beside run 1, with the format that was fastest there. A run takes
about forty minutes on two cores that do nothing else, which is also what the figures need.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

from growth import GROWTH
import page
from shares import profiled
from steps import median, times

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclasses.dataclass
class Row:
  """One line of the table: what is run, and what is to be reached."""
  name: str
  work: str
  ours: list
  theirs: list  # of peers.py; none: those of the row `like`
  formats: list = ("bf16", "autocast")
  floor: float = 3  # times as fast
  limit: float = None  # GB, peak resident
  rounds: int = 2  # how often ours and theirs take turns
  steps: int = 3  # in a round, beside the first
  set: str = None  # the instruction set that both are held to
  bytes: float = 0  # that have to move through memory, in 10^9
  like: str = None


UNET = 859.5e6  # parameters
F32 = ["--precision", "f32"]
FULL = ["full", "--batch", "2"]
MEMORY = lambda gigabytes: ["--memory", str(gigabytes)]
ROWS = [
  Row("forward", "U-Net forward, batch 1", ["forward"], ["forward"], limit=2.6),
  Row("lora", "LoRA step, rank 8, batch 1", ["lora"] + MEMORY(3.5), ["lora"], limit=3.5),
  Row("full", "full DreamBooth step, one instance and one class image, f32 moments", FULL + MEMORY(12.5), FULL,
      ["autocast"], limit=12.5, rounds=1, steps=5, bytes=24 * UNET / 1e9),
  Row("full-8bit", "the same with 8-bit moments", FULL + MEMORY(9) + ["--moments", "8bit"], FULL, limit=9,
      rounds=1, steps=5, bytes=12 * UNET / 1e9, like="full"),
  Row("textual-inversion", "Textual Inversion step", ["textual-inversion"] + MEMORY(3.5), ["textual-inversion"],
      limit=3.5),
  Row("small", "full step of the small U-Net, batch 64", ["full", "--batch", "64", "--model", "random:small"],
      ["full", "--batch", "64", "--config", "small"], ["autocast", "f32"], floor=5),
  Row("vae-decode", "VAE decode, one image", ["vae-decode"], ["vae-decode"], limit=2.5),
  Row("vae-encode", "VAE encode, one image", ["vae-encode"], ["vae-encode"], limit=2.5),
  Row("picture", "a picture: 20 steps DPM++ 2M, guidance, decode", ["generate"], ["generate"], ["bf16"], limit=3.5,
      rounds=1, steps=20),
  Row("forward-f32", "U-Net forward in f32, AVX-512", ["forward"] + F32, ["forward"], ["f32"], 1.15, set="avx512"),
  Row("lora-f32", "LoRA step in f32, AVX-512", ["lora"] + F32, ["lora"], ["f32"], 1.15, rounds=1, steps=5, set="avx512"),
  Row("forward-avx2", "U-Net forward in f32, AVX2", ["forward"] + F32, ["forward"], ["f32"], 1.15, set="avx2"),
  Row("lora-avx2", "LoRA step in f32, AVX2", ["lora"] + F32, ["lora"], ["f32"], 1.15, rounds=1, steps=5, set="avx2"),
  Row("load", "U-Net from an f16 file to ready, warm", ["load"], ["load"], ["bf16"], floor=None, steps=5,
      bytes=2 * 2 * UNET / 1e9),
]


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--binary", type=pathlib.Path, default=ROOT / ".build/release/dreambooth")
  parser.add_argument("--only", help="rows, with commas: " + ", ".join([r.name for r in ROWS] + ["growth", "profile"]))
  parser.add_argument("--again", action="store_true", help="measure rows that are finished")
  parser.add_argument("--run", type=int, default=1)
  parser.add_argument("--quick", action="store_true", help="one turn of five steps: half the time, less certain")
  parser.add_argument("--threads", type=int, default=2)
  parser.add_argument("--page-only", action="store_true", help="write the page from what is there")
  a = parser.parse_args()
  names = a.only.split(",") if a.only else [r.name for r in ROWS] + ["growth", "profile"]
  unknown = set(names) - {r.name for r in ROWS} - {"growth", "profile"}
  if unknown:
    parser.error(f"--only: no row {', '.join(sorted(unknown))}")
  if not a.page_only:
    bench = Bench(a)
    for row in ROWS:
      if row.name in names:
        bench.row(row)
    if "growth" in names:
      bench.growth()
    if "profile" in names and (a.again or not bench.state.get("profile")):
      bench.state["profile"] = profiled(a.binary, ROOT, bench.folder / "perf.data")
      bench.save()
  page.write(ROWS, runs())


def runs():
  """Every run that was measured, in order."""
  files = sorted((ROOT / ".build/benchmarks").glob("run-*.json"), key=lambda f: int(f.stem.split("-")[1]))
  return [json.loads(f.read_text()) for f in files]


class Bench:

  def __init__(self, a):
    self.a = a
    if not a.binary.exists():
      sys.exit(f"{a.binary}: not there; swift build -c release --product dreambooth makes it")
    self.folder = ROOT / ".build/benchmarks"
    self.folder.mkdir(parents=True, exist_ok=True)
    self.file = self.folder / f"run-{a.run}.json"
    self.state = json.loads(self.file.read_text()) if self.file.exists() else {"rows": {}, "growth": {}}
    self.state["ceiling"] = self.ceiling()
    self.state["machine"] = machine(a)
    self.save()

  def save(self):
    whole = json.dumps(self.state, indent=1)
    self.file.with_suffix(".new").write_text(whole)
    self.file.with_suffix(".new").replace(self.file)

  def ceiling(self):
    compiler = next(c for c in ["clang", "cc", "gcc"] if shutil.which(c))
    program = self.folder / "ceiling"
    subprocess.run([compiler, "-O2", "-pthread", HERE / "ceiling.c", "-o", program], check=True)
    found = json.loads(subprocess.run([program, str(self.a.threads)], check=True, capture_output=True, text=True).stdout)
    # The best of all starts: other work on the machine only ever lowers it.
    earlier = self.state.get("ceiling", {})
    return {k: max(v, earlier.get(k, 0)) for k, v in found.items()}

  def row(self, row):
    if row.name in self.state["rows"] and not self.a.again:
      return
    print(f"{row.name}: {row.work}", flush=True)
    result = {"ours": [], "theirs": {}, "load": round(os.getloadavg()[0], 2)}
    formats = [] if row.like else self.formats(row)
    for turn in range(1 if self.a.quick else row.rounds):
      result["ours"].append(self.ours(row))
      for dtype in formats:
        result["theirs"].setdefault(dtype, []).append(self.theirs(row, dtype))
      # All formats run in the first round; only the fastest goes on.
      formats = sorted(formats, key=lambda dtype: median(times(result["theirs"][dtype])))[:1]
    result["flops"] = self.flops(row)
    self.state["rows"][row.name] = result
    self.save()

  def formats(self, row):
    """All, but in later runs only what was fastest in the first."""
    first = self.file.with_name("run-1.json")
    if self.a.run == 1 or not first.exists():
      return list(row.formats)
    found = json.loads(first.read_text())["rows"].get(row.name, {}).get("theirs", {})
    return sorted(found, key=lambda dtype: median(times(found[dtype])))[:1] or list(row.formats)

  def ours(self, row):
    more = ["--instruction-set", row.set] if row.set else []
    return self.bench(row.ours + more, self.steps(row))

  def steps(self, row):
    return 5 if self.a.quick and row.name != "picture" else row.steps

  def bench(self, arguments, steps):
    if "--model" not in arguments:
      arguments = arguments + ["--model", self.base() if arguments[0] == "load" else "random:sd15"]
    # A picture has no step that does not count: its sampler steps are listed one by one.
    steps += arguments[0] != "generate"
    return self.lines([self.a.binary, "bench", *arguments, "--steps", steps, "--threads", self.a.threads, "--json"])

  def theirs(self, row, dtype):
    more = ["--model", self.base() / "unet"] if row.name == "load" else []
    steps = self.steps(row) + (row.name != "picture")
    held = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}
    return self.lines(
      [sys.executable, HERE / "peers.py", *row.theirs, *more, "--dtype", dtype, "--steps", steps,
       "--threads", self.a.threads], held if row.set == "avx2" else {})

  def flops(self, row):
    count = lambda *work: self.lines([sys.executable, HERE / "peers.py", *work, "--flops"])[0]["flops"]
    if row.name == "load":
      return 0
    return 40 * count("forward") + count("vae-decode") if row.name == "picture" else count(*row.theirs)

  def lines(self, command, environment={}):
    command = [str(c) for c in command]
    begin = time.time()
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
      sys.exit(f"{' '.join(command)}\nexit {done.returncode}: {done.stderr[-2000:]}")
    if "--flops" not in command:
      said = f"{lines[-1]['total']:.2f} s, {lines[-1]['rss_gb']} GB" if lines else "nothing"
      print(f"  {' '.join(pathlib.Path(c).name for c in command)}: {said} ({time.time() - begin:.0f} s in all)", flush=True)
    return lines

  def base(self):
    """A folder with a U-Net in f16 and the VAE beside it, as diffusers writes them."""
    folder = self.folder / "sd15-f16"
    if not (folder / "vae/config.json").exists():
      from peers import UNETS, VAE
      from diffusers import AutoencoderKL, UNet2DConditionModel
      import torch
      torch.manual_seed(0)
      UNet2DConditionModel(in_channels=4, out_channels=4, **UNETS["sd15"]).half().save_pretrained(folder / "unet")
      AutoencoderKL(**VAE).half().save_pretrained(folder / "vae")
    return folder

  def growth(self):
    for key, arguments, threads in GROWTH:
      if key in self.state["growth"] and not self.a.again:
        continue
      print(f"growth: {key}", flush=True)
      lines = self.lines([self.a.binary, "bench", *arguments, "--model", "random:sd15", "--steps", 3,
                          "--threads", threads, "--json"])
      self.state["growth"][key] = {"seconds": median(times([lines])), "gb": lines[-1]["rss_gb"]}
      self.save()


def machine(a):
  import diffusers
  import torch
  cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
  memory = int(next(line.split()[1] for line in open("/proc/meminfo") if line.startswith("MemTotal"))) * 1024 / 1e9
  commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
  return {"cpu": cpu, "cores": os.cpu_count(), "memory": round(memory, 1), "threads": a.threads,
          "torch": torch.__version__, "diffusers": diffusers.__version__, "commit": commit.strip(),
          "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime())}


if __name__ == "__main__":
  main()
