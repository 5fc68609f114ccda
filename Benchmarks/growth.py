"""How time and memory grow with the picture, the batch and the threads."""

import pathlib

from chart import chart

SIZES = [256, 384, 512, 640, 768]
FORWARD_THREADS = [1, 2, 4]


def entry(work, size=512, batch=1, threads=2):
  return f"{work} {size} px, batch {batch}, {threads} threads"


# What is run: its name, the arguments of `dreambooth bench`, threads.
GROWTH = list({
  entry(work, size, batch, threads): (
    entry(work, size, batch, threads), [work, "--size", str(size), "--batch", str(batch)], threads)
  for work, size, batch, threads in
  [("forward", size, 1, threads) for threads in FORWARD_THREADS for size in SIZES] +
  [("lora", size, 1, 2) for size in SIZES] + [("lora", 512, 1, threads) for threads in FORWARD_THREADS] +
  [(work, 512, batch, 2) for work in ["forward", "lora"] for batch in [2, 4]]
}.values())


def grown(found, folder):
  """Writes the curves to `folder` and returns the text that shows them."""
  at = lambda *key: found.get(entry(*key))
  curve = lambda keys, x, value: [(x(key), at(*key)[value]) for key in keys if at(*key)]
  size, batch = (lambda key: key[1]), (lambda key: key[2])
  lines = lambda value, sets, x: [(name, line) for name, keys in sets if len(line := curve(keys, x, value)) > 1]
  by_size = [(f"U-Net forward, {t} thread{'s' if t > 1 else ''}", [("forward", s, 1, t) for s in SIZES])
             for t in FORWARD_THREADS] + [("LoRA step, 2 threads", [("lora", s, 1, 2) for s in SIZES])]
  by_batch = [("U-Net forward", [("forward", 512, b, 2) for b in [1, 2, 4]]),
              ("LoRA step", [("lora", 512, b, 2) for b in [1, 2, 4]])]
  panels = [
    dict(title="time by side of the picture", x="pixels", y="s", lines=lines("seconds", by_size, size)),
    dict(title="peak memory by side", x="pixels", y="GB", lines=lines("gb", [by_size[1], by_size[-1]], size)),
    dict(title="time by batch, 512 px", x="pictures", y="s", lines=lines("seconds", by_batch, batch)),
    dict(title="peak memory by batch", x="pictures", y="GB", lines=lines("gb", by_batch, batch)),
  ]
  panels = [p for p in panels if p["lines"]]
  if not panels:
    return ""
  chart(pathlib.Path(folder) / "growth.svg", panels)
  text = "![time and memory by size and batch](pictures/growth.svg)\n\n"
  text += "| work | s | GB |\n|---|---|---|\n"
  return text + "".join(f"| {key.replace('1 threads', '1 thread')} | {v['seconds']:.2f} | {v['gb']:.2f} |\n"
                        for key, v in found.items())
