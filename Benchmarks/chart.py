"""Curves as SVG, with nothing but text."""

COLOURS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420, 260, 52, 12, 26, 40


def chart(file, panels):
  """Writes panels side by side.

  Each panel has `title`, `x`, `y` (names of the axes) and `lines`: (name, [(x, y)]); `dots` where points are few; `names` of the lines
  stand at the left or right.
  """
  body = "".join(f'<g transform="translate({i * WIDTH} 0)">{panel(**p)}</g>\n' for i, p in enumerate(panels))
  file.parent.mkdir(parents=True, exist_ok=True)
  file.write_text(
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH * len(panels)} {HEIGHT}" '
    f'width="{WIDTH * len(panels)}" font-family="sans-serif" font-size="11">\n'
    f'<rect width="100%" height="100%" fill="white"/>\n{body}</svg>\n')


def panel(title, x, y, lines, dots=True, from_zero=True, names="left"):
  points = [p for _, line in lines for p in line]
  low = (min(p[0] for p in points), 0 if from_zero else min(p[1] for p in points))
  high = (max(p[0] for p in points), max(p[1] for p in points) * 1.05)
  place = lambda p: (LEFT + (p[0] - low[0]) / (high[0] - low[0] or 1) * (WIDTH - LEFT - RIGHT),
                     HEIGHT - BOTTOM - (p[1] - low[1]) / (high[1] - low[1] or 1) * (HEIGHT - TOP - BOTTOM))
  parts = [text(WIDTH / 2, 15, title, "middle"), text(WIDTH / 2, HEIGHT - 6, x, "middle"), text(4, 15, y, "start")]
  for value in ticks(low[1], high[1]):
    px, py = place((low[0], value))
    parts += [f'<path d="M{px:.1f} {py:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>', text(px - 5, py + 4, number(value), "end")]
  for value in sorted({p[0] for p in points}) if len(points) < 60 else ticks(low[0], high[0]):
    px, py = place((value, low[1]))
    parts.append(text(px, py + 15, number(value), "middle"))
  for i, (name, line) in enumerate(lines):
    colour, where = COLOURS[i % len(COLOURS)], [place(p) for p in line]
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in where)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.5" fill="{colour}"/>' for px, py in where if dots]
    at, anchor = (LEFT + 8, "start") if names == "left" else (WIDTH - RIGHT - 4, "end")
    parts.append(text(at, TOP + 14 + 14 * i, name, anchor, colour))
  return "\n".join(parts)


def ticks(low, high):
  """About five round values."""
  step = 10 ** len(str(int(max(high - low, 1e-9)))) / 10 if high - low >= 1 else 0.1
  while (high - low) / step > 6:
    step *= 2
  while (high - low) / step < 3:
    step /= 2
  return [i * step for i in range(int(-(-low // step)), int(high // step) + 1)]


def number(value):
  return f"{value:.3g}"


def text(x, y, what, anchor, colour="#333"):
  return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{what}</text>'
