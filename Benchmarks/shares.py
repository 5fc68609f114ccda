"""Where the time of a work goes: shares of the kernels, as `perf` counts them."""

import collections
import re
import shutil
import subprocess

# Work, arguments of `dreambooth bench`.
PROFILED = [
  ("U-Net forward", ["forward", "--steps", "10"]),
  ("LoRA step", ["lora", "--memory", "3.5", "--steps", "6"]),
  ("full step", ["full", "--batch", "2", "--memory", "12.5", "--steps", "4"]),
  ("full step of the small U-Net", ["full", "--batch", "64", "--steps", "60", "--model", "random:small"]),
  ("VAE decode", ["vae-decode", "--steps", "5"]),
  ("LoRA step in f32, AVX2", ["lora", "--precision", "f32", "--instruction-set", "avx2", "--steps", "3"]),
]
# What makes the random weights is no part of the work, nor is the first touch of memory: the last two fifths count.
OUTSIDE = re.compile(r"4Draw|philox|Initializer|LedgerC|cast", re.I)
NO_NAMES = ["ck", "base", "avx2", "avx512", "avx512_bf16", "amx", "operator"]
SHOWN = 8


def profiled(binary, root, file):
  """Shares by work, or nothing where `perf` is not there or not allowed."""
  found = {}
  for work, arguments in PROFILED if shutil.which("perf") else []:
    print(f"profile: {work}", flush=True)
    model = [] if "--model" in arguments else ["--model", "random:sd15"]
    record = subprocess.run(["perf", "record", "-o", file, "-F", "200", binary, "bench", *arguments, *model,
                             "--threads", "2"], cwd=root, capture_output=True, text=True)
    if record.returncode:
      print(f"  perf: {record.stderr.strip()[-300:]}")
      return {}
    report = subprocess.run(["perf", "report", "-i", file, "--stdio", "--no-children", "--sort", "symbol", "--time",
                             "60%-100%"],
                            capture_output=True, text=True).stdout
    shares = collections.Counter()
    for line in report.splitlines():
      sample = re.match(r"\s+([\d.]+)%\s+\[(.)\]\s+(.*)", line)
      if sample and not OUTSIDE.search(sample[3]):
        shares["the kernel of the system" if sample[2] == "k" else short(sample[3].strip())] += float(sample[1])
    total = sum(shares.values())
    found[work] = {name: share / total for name, share in shares.most_common(SHOWN)}
  file.unlink(missing_ok=True)
  return found


def short(symbol):
  """`ck::avx2::vectors<ck::avx2::adamw(...)::$_0>(...)` is adamw, `ck::avx2::Columns<...>::panel` Columns::panel."""
  if symbol.startswith("$s"):
    return "Swift"
  inner = re.match(r"ck::\w+::vectors<ck::\w+::(\w+)", symbol)
  if inner:
    return inner[1]
  depth, plain = 0, ""
  for c in symbol.replace("(anonymous namespace)::", ""):
    depth -= c in ">)"
    plain += c if depth == 0 and c not in "<>()" else ""
    depth += c in "<("
  words = [found[0] for n in plain.split("::") if (found := re.match(r"\w+(?=\s|$)", n))]
  names = [word for word in words if word not in NO_NAMES]
  return "::".join(names[:2]) or symbol[:40]


def table(found):
  lines = ["| work | share of the time |", "|---|---|"]
  return "\n".join(lines + [f"| {work} | " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items() if share >= 0.01)
                            + " |" for work, shares in found.items()])
