#!/usr/bin/env python3
"""Holds `dreambooth probe` against diffusers and transformers at full size, with random weights made by them.

    python Tools/interop/check_parity.py --binary .build/release/dreambooth --work /tmp/parity [--only sd15.unet]

f32 has to be within 1e-4 of theirs, 1e-3 for the gradients of the U-Net; bf16 no further from their f32 than their own
bf16, with weights in bf16 or under autocast, whichever is further. Distances are relative L2; a gradient smaller than
1e-3 of the largest is held against that. Stable Diffusion 1.5 at 512 px (batch 1, and 4 for the U-Net), 2.1 at 768 px.
Needs 16 GiB of memory, 12 GB of disk at WORK, which is emptied afterwards, and ten minutes.
"""

import argparse
import contextlib
import gc
import pathlib
import shutil
import sys

import diffusers
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors import safe_open
from safetensors.torch import save_file
import torch
import torch.nn.functional as F
import transformers
from transformers import CLIPTextConfig, CLIPTextModel

from tally import Tally, run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import keys  # noqa: E402

AUTOCAST = lambda: torch.autocast("cpu", dtype=torch.bfloat16)


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--binary", type=pathlib.Path, required=True)
  parser.add_argument("--work", type=pathlib.Path, required=True, help="an empty folder")
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--only", action="append", help="a component, such as sd15.unet or sd15.vae.decoder")
  arguments = parser.parse_args()
  diffusers.logging.set_verbosity_error()
  transformers.logging.set_verbosity_error()
  transformers.logging.disable_progress_bar()
  arguments.work.mkdir(parents=True, exist_ok=True)
  tally = Tally()
  try:
    for name, component in COMPONENTS.items():
      if not arguments.only or name in arguments.only:
        torch.manual_seed(arguments.seed)
        component(Check(tally, arguments, name))
        gc.collect()
  finally:
    shutil.rmtree(arguments.work)
  tally.finish()


def sd15_unet(check):
  model = check.made("unet", UNet2DConditionModel(**keys.UNET15))
  call = lambda i: {"sample": model(i["sample"], i["timestep"], i["encoder_hidden_states"]).sample}
  given = lambda batch: dict(sample=torch.randn(batch, 4, 64, 64), timestep=torch.randint(1000, (batch,)),
                             encoder_hidden_states=torch.randn(batch, 77, 768))
  check.outputs("batch 4", model, given(4), call, half=False)
  check.gradients("512 px", model, given(1), call)
  check.outputs("512 px", model, given(1), call)


def sd21_unet(check):
  model = check.made("unet", UNet2DConditionModel(**keys.UNET21))
  check.outputs("768 px", model, dict(sample=torch.randn(1, 4, 96, 96), timestep=torch.tensor([501]),
                                      encoder_hidden_states=torch.randn(1, 77, 1024)),
                lambda i: {"sample": model(i["sample"], i["timestep"], i["encoder_hidden_states"]).sample})


def vae_decoder(check):
  model = check.made("vae", AutoencoderKL(**keys.VAE))
  check.outputs("512 px", model, dict(latents=torch.randn(1, 4, 64, 64)),
                lambda i: {"sample": model.decode(i["latents"]).sample})


def vae_encoder(check):
  model = check.made("vae", AutoencoderKL(**keys.VAE))

  def moments(i):
    d = model.encode(i["sample"]).latent_dist
    return {"mean": d.mean, "logvar": d.logvar}

  check.outputs("512 px", model, dict(sample=torch.rand(1, 3, 512, 512) * 2 - 1), moments)


def text_encoder(config):
  def component(check):
    model = check.made("text_encoder", CLIPTextModel(CLIPTextConfig(**config)))
    ids = torch.randint(49406, (2, 77))
    ids[:, 0], ids[:, 20:] = 49406, 49407
    check.outputs("2 texts", model, dict(input_ids=ids),
                  lambda i: {"last_hidden_state": model(input_ids=i["input_ids"]).last_hidden_state})
  return component


COMPONENTS = {
  "sd15.text_encoder": text_encoder(keys.TEXT15), "sd15.vae.decoder": vae_decoder, "sd15.vae.encoder": vae_encoder,
  "sd15.unet": sd15_unet, "sd21.text_encoder": text_encoder(keys.TEXT21), "sd21.unet": sd21_unet,
}


class Check:

  def __init__(self, tally, arguments, name):
    self.tally, self.arguments, self.name = tally, arguments, name
    self.component = name.split(".", 1)[1]

  def made(self, part, model):
    self.folder = self.arguments.work / "model"
    shutil.rmtree(self.folder, ignore_errors=True)
    model.eval().requires_grad_(False).save_pretrained(self.folder / part)
    return model

  def outputs(self, what, model, inputs, call, half=True):
    """With `half` also in bf16, which the model's weights then stay in."""
    with torch.no_grad():
      truth = call(inputs)
      with AUTOCAST() if half else contextlib.nullcontext():
        cast = call(inputs) if half else truth
      if half:
        model.to(torch.bfloat16)
        stored = call({k: v.bfloat16() if v.is_floating_point() else v for k, v in inputs.items()})
    ours = {p: self.probe(inputs, p) for p in ["f32", "bf16"]}
    for key, value in truth.items():
      f32, bf16 = (distance(ours[p](key), value) for p in ["f32", "bf16"])
      line = f"{self.name}, {what}, {key}: f32 {f32:.1e}; bf16 {bf16:.1e}"
      if half:
        theirs = distance(stored[key], value), distance(cast[key], value)
        line += f", torch's own {theirs[0]:.1e} (weights), {theirs[1]:.1e} (autocast)"
      self.tally.check(f32 <= 1e-4 and (not half or bf16 <= max(theirs)), line)

  def gradients(self, what, model, inputs, call):
    """All parameters, of the mean squared distance to a random target."""
    target = torch.randn(inputs["sample"].shape)
    model.requires_grad_(True)
    model.enable_gradient_checkpointing()
    model.train()

    def backward(context):
      with context:
        F.mse_loss(next(iter(call(inputs).values())).float(), target).backward()
      found = {f"grad.{k}": p.grad for k, p in model.named_parameters()}
      model.zero_grad(set_to_none=True)
      return found

    truth = backward(contextlib.nullcontext())
    given = inputs | {"target": target}
    f32 = Distances(self.probe(given, "f32", "--gradients"), truth)
    bf16 = Distances(self.probe(given, "bf16", "--gradients"), truth)
    cast = Distances(backward(AUTOCAST()).__getitem__, truth)
    model.eval()
    self.tally.check(
      f32.worst[0] <= 1e-3 and bf16.whole <= cast.whole,
      f"{self.name}, {what}, {len(truth)} gradients: f32 worst {f32.worst[0]:.1e} ({f32.worst[1]}), whole {f32.whole:.1e}; "
      f"bf16 whole {bf16.whole:.1e}, torch's own {cast.whole:.1e} (autocast)")

  def probe(self, inputs, precision, *more):
    """What the binary makes of the inputs, tensor by tensor."""
    given, taken = self.arguments.work / "in.safetensors", self.arguments.work / f"out-{precision}.safetensors"
    save_file({k: v.contiguous() for k, v in inputs.items()}, given)
    taken.unlink(missing_ok=True)
    if not run(self.arguments.binary, "probe", "--model", self.folder, "--component", self.component, "--inputs", given,
               "--outputs", taken, "--precision", precision, *more):
      sys.exit(f"{self.name}: the probe gave nothing")
    return safe_open(taken, "pt").get_tensor


class Distances:
  """Of many tensors: `worst` with its key, and `whole`, as if they were one vector."""

  def __init__(self, found, truth):
    floor = 1e-3 * max(v.norm().item() for v in truth.values())
    self.worst, error, size = (0, ""), 0, 0
    for key, value in truth.items():
      off = (found(key).float().view(value.shape) - value).double().norm().item()
      norm = value.double().norm().item()
      error, size = error + off**2, size + norm**2
      self.worst = max(self.worst, (off / max(norm, floor), key))
    self.whole = (error / size)**0.5


def distance(found, truth):
  return ((found.double().view(truth.shape) - truth.double()).norm() / truth.double().norm()).item()


if __name__ == "__main__":
  main()
