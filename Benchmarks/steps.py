"""What the lines of a process say."""


def times(processes):
  """Seconds of all steps that count."""
  seconds = []
  for lines in processes:
    pictures = [line for line in lines if line.get("part") == "picture"]
    steps = pictures or lines[1:] or lines
    seconds += [line["total"] for line in steps]
  return seconds


def median(values):
  values = sorted(values)
  middle = len(values) // 2
  return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
