"""Counts checks and runs the binary."""

import subprocess
import sys


class Tally:

  def __init__(self):
    self.passed = self.failed = 0

  def check(self, good, what):
    self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
    print(f"{'ok  ' if good else 'FAIL'}  {what}", flush=True)
    return good

  def finish(self):
    """Prints `N passed, M failed` as the last line and ends with 0 if all passed."""
    print(f"{self.passed} passed, {self.failed} failed")
    sys.exit(self.failed > 0)


def run(binary, *arguments):
  """Runs the binary; what it says on failure is shown."""
  done = call(binary, arguments)
  if done.returncode:
    print(f"      {binary} {' '.join(map(str, arguments))}\n      exit {done.returncode}: {done.stdout.strip()[-1500:]}")
  return done.returncode == 0


def refused(binary, *arguments):
  """What the binary says as it refuses its input (exit code 2); None if it ends otherwise."""
  done = call(binary, arguments)
  return done.stdout.strip() if done.returncode == 2 else None


def call(binary, arguments):
  return subprocess.run([str(binary), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT, text=True)
