"""Writes measurements into docs/PERFORMANCE.md, between the marks of their section; what stands around them stays."""

import pathlib
import re

from growth import grown
import shares
from steps import median, times

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
PICTURES = DOCS / "pictures"


def section(name, text):
  """Replaces what stands between `<!-- NAME -->` and `<!-- end of NAME -->`."""
  file = DOCS / "PERFORMANCE.md"
  whole = file.read_text()
  marks = f"<!-- {name} -->", f"<!-- end of {name} -->"
  found = re.search(f"{marks[0]}.*?{marks[1]}", whole, re.S)
  if not found:
    raise SystemExit(f"{file}: the marks {marks[0]} and {marks[1]} are not there")
  file.write_text(whole[:found.start()] + f"{marks[0]}\n{text.strip()}\n{marks[1]}" + whole[found.end():])
  print(f"{file.name}: {name}")


def write(rows, runs):
  if not runs:
    raise SystemExit("nothing has been measured")
  section("comparison", comparison(rows, runs))
  growth = {}
  for run in runs:
    growth |= run["growth"]
  parts = next((run["profile"] for run in reversed(runs) if run.get("profile")), None)
  section("profile", shares.table(parts) if parts else "Not measured.")
  section("growth", grown(growth, PICTURES) or "Not measured.")


def comparison(rows, runs):
  body = [line for row in rows if (line := table_line(row, runs))]
  head = ["work", "ours, s", "PyTorch, s", "ratio", "floor", "spread", "GB", "limit", "PyTorch, GB", "TFLOP",
          "share of peak", "the floor needs"]
  lines = [about(n + 1, run) for n, run in enumerate(runs)] + ["", bar(head), "|" + "---|" * len(head)] + body
  missed = [line for n, run in enumerate(runs) if (line := misses(n + 1, rows, run))]
  return "\n".join(lines + [""] + missed)


def bar(cells):
  return "| " + " | ".join(cells) + " |"


def about(number, run):
  m, c = run["machine"], run["ceiling"]
  names = {"amx": "AMX tiles, bf16", "avx512_bf16": "AVX-512 BF16", "avx512": "AVX-512 f32", "avx2": "AVX2 f32"}
  peaks = ", ".join(f"{names[k]} {c[k] / 1e3:.2f}" for k in names if k in c)
  return (f"Run {number}: {m['date']} UTC, {m['cpu']}, {m['cores']} cores, {m['memory']} GB; {m['threads']} threads; commit "
          f"{m['commit']}; torch {m['torch']}, diffusers {m['diffusers']}. Measured peaks, TFLOP/s: {peaks}; copy "
          f"{c['copy']:.1f} GB/s.\n")


class Result:
  """One row of one run."""

  def __init__(self, row, run):
    found = run["rows"][row.name]
    self.row, self.ceiling, self.flops = row, run["ceiling"], found["flops"]
    self.ours, self.gb = times(found["ours"]), max(line["rss_gb"] for lines in found["ours"] for line in lines)
    # Processors name what products run on; f32 knows neither tiles nor bf16.
    self.set = row.set or found["ours"][0][0]["instruction_set"]
    theirs = run["rows"].get(row.like, {}).get("theirs", {}) if row.like else found["theirs"]
    whole = {k: (times(v), max(line["rss_gb"] for lines in v for line in lines)) for k, v in theirs.items()}
    self.format = min(whole, key=lambda k: median(whole[k][0]), default=None)
    self.theirs, self.their_gb = whole.get(self.format, ([], None))
    self.seconds, self.their_seconds = median(self.ours), median(self.theirs) if self.theirs else None
    self.ratio = self.their_seconds / self.seconds if self.theirs else None

  @property
  def least(self):
    """Seconds that the work takes at the measured peak, and at the speed of a copy; whichever is longer."""
    peak = self.ceiling.get(self.set, 0) * 1e9
    return max(self.flops / peak if peak else 0, self.row.bytes / self.ceiling["copy"])

  @property
  def holds(self):
    fast = self.seconds <= 3 if self.row.name == "load" else self.ratio is None or self.ratio >= self.row.floor
    return fast and (self.row.limit is None or self.gb <= self.row.limit)

  @property
  def needs(self):
    """Share of the measured peak at which the floor would be reached."""
    target = 3 if self.row.name == "load" else self.their_seconds / self.row.floor if self.theirs else None
    return self.least / target if target else None


def results(row, runs):
  return [Result(row, run) for run in runs if row.name in run["rows"]]


def table_line(row, runs):
  found = results(row, runs)
  if not found:
    return None
  r = found[-1]
  spread = lambda t: f"{(max(t) - min(t)) / 2 / median(t):.0%}" if len(t) > 1 else "one"
  theirs = f"{r.their_seconds:.2f} ({r.format})" if r.theirs else "none"
  needs = "" if r.needs is None else f"{r.needs:.0%}" + (", impossible here" if r.needs > 1 else "")
  return bar([
    row.work, f"{r.seconds:.2f}", theirs, " / ".join(f"**{x.ratio:.2f}**" if x.ratio else "" for x in found),
    "3 s" if row.name == "load" else f"{row.floor}", f"{spread(r.ours)} / {spread(r.theirs) if r.theirs else ''}",
    f"{r.gb:.2f}", f"{row.limit}" if row.limit else "", f"{r.their_gb:.2f}" if r.their_gb else "",
    f"{r.flops / 1e12:.2f}" if r.flops else "", f"{r.least / r.seconds:.0%}", needs])


def misses(number, rows, run):
  found = [r for row in rows for r in results(row, [run]) if not r.holds]
  if not found:
    return ""
  return f"Floors and limits that run {number} does not hold: " + "; ".join(
    r.row.name + (f" ({r.gb:.2f} GB of {r.row.limit})" if r.row.limit and r.gb > r.row.limit else "") for r in found) + "."
