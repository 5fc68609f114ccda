"""One golden file: cases with inputs, parameters, outputs, cotangents and gradients.

Tensors of a case are named `CASE.in.X`, `CASE.param.KEY`, `CASE.out.Y`, `CASE.cotangent.Y`, `CASE.din.X` and
`CASE.dparam.KEY`; gradients are those of sum over Y of <out.Y, cotangent.Y>. Everything that is not a tensor (op, class,
config, ids, timesteps) is JSON in the file's metadata under `cases`. Activations are channels-last; parameters keep
their file's shape.

Inputs and parameters are f32 values; the reference computes in f64 and its results are rounded to f32 once, so that a
difference seen by a test is the error of the tested side alone.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file


def nhwc(x):
  """[B, C, H, W] to [B, H, W, C]"""
  return x.permute(0, 2, 3, 1)


def nchw(x):
  """[B, H, W, C] to [B, C, H, W]"""
  return x.permute(0, 3, 1, 2)


def follows_itself(module, inputs, call, limit=2e-5):
  """Whether torch in f32 stays close to itself in f64, as the weights are and with each moved by one rounding.

  Measured is the largest difference of any gradient against the largest value of that gradient (or 2% of the largest of
  all, where the true gradient is about zero).
  """
  weights = {k: p.detach().clone() for k, p in module.named_parameters()}

  def gradients(dtype, start):
    module.to(dtype)
    for k, p in module.named_parameters():
      p.data = start[k].to(dtype)
    given = {k: x.detach().to(dtype) for k, x in inputs.items()}
    outputs = call(**given)
    loss = sum((y * torch.linspace(-1, 1, y.numel(), dtype=dtype).cos().view(y.shape)).sum() for y in outputs.values())
    return [g.double() for g in torch.autograd.grad(loss, list(module.parameters()), allow_unused=True) if g is not None]

  truth = gradients(torch.float64, weights)
  largest = max(g.abs().max() for g in truth)
  good = all((b - a).abs().max() < limit * max(a.abs().max(), 0.02 * largest)
             for start in [weights, *moved(weights, 3)] for a, b in zip(truth, gradients(torch.float32, start)))
  module.double()
  for k, p in module.named_parameters():
    p.data = weights[k]
  return good


def moved(tensors, runs):
  """The same f32 values with every one moved up or down by one rounding, `runs` times over."""
  generator = torch.Generator().manual_seed(0)
  for _ in range(runs):
    up = {k: torch.randint(2, v.shape, generator=generator, dtype=torch.float32) for k, v in tensors.items()}
    yield {k: torch.nextafter(v.float(), (up[k] * 2 - 1) * torch.inf).double() for k, v in tensors.items()}


class Fixture:

  def __init__(self, name, seed):
    self.name, self.tensors, self.cases = name, {}, []
    # A stream of its own for each file: adding a case to one file changes no other file.
    self.generator = torch.Generator().manual_seed(seed * 1_000_003 + sum(map(ord, name)))

  def normal(self, *shape, scale=1.0, shift=0.0):
    x = torch.randn(shape, generator=self.generator, dtype=torch.float32)
    return (x * scale + shift).to(torch.float32).double()

  def integers(self, count, below):
    return torch.randint(below, (count,), generator=self.generator).tolist()

  def randomize(self, module):
    """Random f32 values for every parameter, in double; zero or one initial values would hide mistakes."""
    module.double()
    for name, p in module.named_parameters():
      # A norm's weight is 1-D and sits beside 1.
      norm = p.ndim == 1 and name.endswith("weight")
      scale = 0.1 if p.ndim < 2 else min(0.5, p[0].numel() ** -0.5)
      p.data = self.normal(*p.shape, scale=scale, shift=1.0 if norm else 0.0)
    return module.eval()

  def settle(self, module, make_inputs, call):
    """Random parameters and inputs on which torch in f32 stays close to itself in f64; another draw would measure its
    own conditioning (a normalisation over two or four nearly equal values), and not the tested side. One f32 run would
    measure its luck instead."""
    for _ in range(1000):
      self.randomize(module)
      inputs = make_inputs()
      if follows_itself(module, inputs, call):
        return inputs
    raise SystemExit(f"{self.name}: no well-conditioned draw in 1000; take another seed")

  def put(self, key, value):
    assert key not in self.tensors, key
    self.tensors[key] = value.detach().to(torch.float32).contiguous().clone()

  def case(self, name, outputs, inputs=None, parameters=None, to_file=lambda x: x, **meta):
    """Records a case. `to_file` turns activations (inputs and outputs) to the layout of the file."""
    assert "." not in name, name
    inputs, parameters = inputs or {}, parameters or {}
    cotangents = {k: self.normal(*y.shape) for k, y in outputs.items()}
    wanted = {f"din.{k}": x for k, x in inputs.items() if x.requires_grad}
    wanted |= {f"dparam.{k}": p for k, p in parameters.items() if p.requires_grad}
    loss = sum((y * cotangents[k]).sum() for k, y in outputs.items())
    gradients = {}
    if wanted:
      found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
      gradients = {k: g for k, g in zip(wanted, found) if g is not None}
    for k, x in inputs.items():
      self.put(f"{name}.in.{k}", to_file(x))
    for k, p in parameters.items():
      self.put(f"{name}.param.{k}", p)
    for k, y in outputs.items():
      self.put(f"{name}.out.{k}", to_file(y))
      self.put(f"{name}.cotangent.{k}", to_file(cotangents[k]))
    for k, g in gradients.items():
      self.put(f"{name}.{k}", to_file(g) if k.startswith("din.") else g)
    self.cases.append({"name": name, **meta})

  def run(self, tensors, **meta):
    """Records the case `run` of a whole training, which has no cotangents."""
    for k, v in tensors.items():
      self.put(f"run.{k}", v)
    self.cases.append({"name": "run", **meta})

  def module(self, name, module, call, inputs, to_file=lambda x: x, **meta):
    """Records `call(**inputs)` of a module with random parameters; outputs are `y`, or `y0, y1...` of a list."""
    for x in inputs.values():
      x.requires_grad_(True)
    y = call(**inputs)
    outputs = {"y": y} if torch.is_tensor(y) else {f"y{i}": v for i, v in enumerate(y)}
    self.case(name, outputs, inputs, dict(module.named_parameters()), to_file, **meta)

  def write(self, folder):
    path = pathlib.Path(folder) / f"{self.name}.safetensors"
    metadata = {"cases": json.dumps(self.cases, sort_keys=True, separators=(",", ":"))}
    save_file(dict(sorted(self.tensors.items())), path, metadata=metadata)
    path.chmod(0o644)
    size = path.stat().st_size
    assert size < 1_000_000, f"{path.name} has {size} bytes; a golden file stays under 1 MB: split it"
    return path
