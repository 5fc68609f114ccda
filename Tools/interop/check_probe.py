#!/usr/bin/env python3
"""Holds `dreambooth probe` against diffusers and transformers on fresh random models, outputs and every gradient.

    python Tools/interop/check_probe.py --binary .build/release/dreambooth [--seed N] [--config tiny|uneven]

Full size is check_parity.py's. Errors are relative L2; where a true gradient is zero (a bias before a normalisation, the
key's bias of an attention) the size it is held against is 1e-3 of the largest gradient of the model, which makes the limit
one rounding of the largest. The limit is 1e-4, or, where that is larger, twice the largest error against torch's f64 run
among torch's own f32 runs: one as it is, seven with every weight moved by one rounding. A single run would measure torch's
luck; a LayerNorm over four nearly equal values turns one rounding before it into 1e-4 behind it.
"""

import argparse
import gc
import pathlib
import sys
import tempfile

import diffusers
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
import torch
import torch.nn.functional as F
import transformers
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tally import Tally, run

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden"
sys.path.insert(0, str(GOLDEN))
from configs import CONFIGS  # noqa: E402
from models import prompts, text_config, unet_config, vae_config  # noqa: E402
from fixture import Fixture  # noqa: E402
from samplers import SD1  # noqa: E402

LIMIT = 1e-4
ROUNDINGS = 7  # runs with moved weights


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("--binary", type=pathlib.Path, required=True)
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--config", choices=CONFIGS, action="append", help="default: all")
  parser.add_argument("--only", help="one component")
  arguments = parser.parse_args()
  diffusers.logging.set_verbosity_error()
  transformers.logging.set_verbosity_error()
  transformers.logging.disable_progress_bar()
  torch.set_num_threads(1)  # tiny tensors: threads would wait for each other
  tally = Tally()
  with tempfile.TemporaryDirectory() as temporary:
    check = Check(tally, arguments, pathlib.Path(temporary))
    for name in arguments.config or CONFIGS:
      for style in ["unet_sd1", "unet_sd2"]:
        check.small(name, style)
  tally.finish()


class Check:

  def __init__(self, tally, arguments, folder):
    self.tally, self.arguments, self.folder = tally, arguments, folder

  def small(self, name, style):
    c = CONFIGS[name]
    f = Fixture(style, self.arguments.seed)
    act = "quick_gelu" if style == "unet_sd1" else "gelu"
    label = f"{name} {style.removeprefix('unet_')}"
    unet = UNet2DConditionModel(**unet_config(c, style))
    h, w = c["side"]
    times = torch.tensor(f.integers(c["batch"], 1000))
    x = f.settle(unet, lambda: {"sample": f.normal(c["batch"], c["latents"], h, w),
                                "context": f.normal(c["batch"], c["tokens"], c["context"])},
                 lambda sample, context: {"sample": unet(sample, times, context).sample})
    unet.float()
    vae = f.randomize(AutoencoderKL(**vae_config(c))).float()
    text = f.randomize(CLIPTextModel(CLIPTextConfig(**text_config(c, hidden_act=act, eos_token_id=2)))).float()
    folder = self.save(label.replace(" ", "-"), unet, vae, text, style)
    down = 2 ** (len(c["vae_channels"]) - 1)
    normal = lambda *shape: f.normal(*shape).float()
    self.components(label, folder, unet, vae, text, dict(
      sample=x["sample"].float(), timestep=times, context=x["context"].float(), ids=torch.tensor(prompts(f, c)),
      image=normal(c["batch"], 3, *c["image"]).clamp(-1, 1),
      latents=normal(c["batch"], c["latents"], *(n // down for n in c["image"]))))
    if style == "unet_sd1":
      self.clip(label, c, f)

  def save(self, name, unet, vae, text, style):
    folder = self.folder / name
    tokenizer = CLIPTokenizer.from_pretrained(GOLDEN.parent.parent / "Tests/Fixtures/golden/tokenizer_sd1")
    scheduler = DDIMScheduler(**SD1, prediction_type="epsilon" if style == "unet_sd1" else "v_prediction")
    StableDiffusionPipeline(vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
                            safety_checker=None, feature_extractor=None,
                            requires_safety_checker=False).save_pretrained(folder)
    # The files a checkpoint on the hub has, beside the tokenizer.json that newer libraries write.
    for file in ["vocab.json", "merges.txt", "special_tokens_map.json", "tokenizer_config.json"]:
      source = GOLDEN.parent.parent / "Tests/Fixtures/golden/tokenizer_sd1" / file
      (folder / "tokenizer" / file).write_bytes(source.read_bytes())
    return folder

  def components(self, label, folder, unet, vae, text, x):
    self.compare(label, folder, "unet", unet,
                 dict(sample=x["sample"], timestep=x["timestep"], encoder_hidden_states=x["context"]),
                 lambda i: {"sample": unet(i["sample"], i["timestep"], i["encoder_hidden_states"]).sample})

    def states(i):
      y = text(input_ids=i["input_ids"])
      return {"last_hidden_state": y.last_hidden_state, "pooler_output": y.pooler_output}

    def moments(i):
      d = vae.encode(i["sample"]).latent_dist
      return {"mean": d.mean, "logvar": d.logvar}

    self.compare(label, folder, "text_encoder", text, dict(input_ids=x["ids"]), states)
    self.compare(label, folder, "vae.encoder", vae, dict(sample=x["image"]), moments)
    self.compare(label, folder, "vae.decoder", vae, dict(latents=x["latents"]),
                 lambda i: {"sample": vae.decode(i["latents"]).sample})

  def clip(self, label, c, f):
    v = c["vision"]
    model = f.randomize(CLIPModel(CLIPConfig(
      text_config=text_config(c, hidden_act="quick_gelu", eos_token_id=c["text"]["vocab"] - 1),
      vision_config=dict(hidden_size=v["width"], intermediate_size=v["inner"], num_hidden_layers=v["layers"],
                         num_attention_heads=v["heads"], image_size=v["image"], patch_size=v["patch"],
                         projection_dim=c["projection"], hidden_act="quick_gelu"),
      projection_dim=c["projection"]))).float()
    folder = self.folder / f"{label.replace(' ', '-')}-clip"
    model.save_pretrained(folder)
    ids = torch.tensor(prompts(f, c))
    pixels = f.normal(c["batch"], 3, v["image"], v["image"]).float()
    # As CLIPVisionModelWithProjection and CLIPTextModelWithProjection give them: not normalised.
    self.compare(label, folder, "clip", model, dict(pixel_values=pixels), lambda i: {
      "image_embeds": model.get_image_features(pixel_values=i["pixel_values"]).pooler_output})
    self.compare(label, folder, "clip", model, dict(input_ids=ids), lambda i: {
      "text_embeds": model.get_text_features(input_ids=i["input_ids"]).pooler_output})

  def compare(self, label, folder, component, model, inputs, call):
    if self.arguments.only not in (None, component):
      return
    expected, gradients, target = self.reference(model, inputs, call, torch.float32)
    # The truth is the f64 run; how far torch's own f32 run is from it says how well the draw is conditioned.
    singles = [expected | gradients, *self.moved(model, inputs, call)]
    expected, gradients, target = self.reference(model, inputs, call, torch.float64)
    each = [self.errors(single, expected) | self.errors(single, gradients, 1e-3) for single in singles]
    doubt = {k: max(errors[k] for errors in each) for k in each[0]}
    what = f"{label} {component}" + (f" {next(iter(inputs))}" if component == "clip" else "")
    found = self.probe(folder, component, inputs, [])
    loss = expected.pop("loss")
    self.judge(what, "outputs", found, expected)
    found = self.probe(folder, component, inputs | {"target": target}, ["--gradients"])
    self.judge(what, "outputs and loss, with gradients", found, expected | {"loss": loss})
    self.judge(what, f"{len(gradients)} gradients", found, gradients, 1e-3, doubt)

  def probe(self, folder, component, inputs, more):
    given, taken = self.folder / "in.safetensors", self.folder / "out.safetensors"
    save_file({k: v.contiguous() for k, v in inputs.items()}, given)
    taken.unlink(missing_ok=True)
    good = run(self.arguments.binary, "probe", "--model", folder, "--component", component, "--inputs", given,
               "--outputs", taken, *more)
    return load_file(taken) if good and taken.exists() else None

  def reference(self, model, inputs, call, dtype):
    model.eval().to(dtype).zero_grad(set_to_none=True)
    outputs = call({k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()})
    first = next(iter(outputs))
    target = torch.randn(outputs[first].shape, generator=torch.Generator().manual_seed(self.arguments.seed))
    loss = F.mse_loss(outputs[first], target.to(dtype))
    loss.backward()
    expected = {k: v.detach().contiguous() for k, v in outputs.items()} | {"loss": loss.detach().view(1)}
    gradients = {f"grad.{k}": p.grad.detach().clone() for k, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    model.to(torch.float32)
    gc.collect()
    return expected, gradients, target

  def moved(self, model, inputs, call):
    """Torch's f32 runs with every weight moved up or down by one rounding."""
    weights = {k: p.detach().clone() for k, p in model.named_parameters()}
    generator = torch.Generator().manual_seed(self.arguments.seed)
    for _ in range(ROUNDINGS):
      for k, p in model.named_parameters():
        up = torch.randint(2, p.shape, generator=generator, dtype=torch.float32)
        p.data = torch.nextafter(weights[k], (up * 2 - 1) * torch.inf)
      outputs, gradients, _ = self.reference(model, inputs, call, torch.float32)
      yield outputs | gradients
    for k, p in model.named_parameters():
      p.data = weights[k]

  def errors(self, found, expected, floor=0.0):
    largest = max(v.double().norm().item() for v in expected.values())
    return {k: (found[k].double().view(v.shape) - v.double()).norm().item() /
            max(v.double().norm().item(), floor * largest, 1e-30) for k, v in expected.items()}

  def judge(self, what, kind, found, expected, floor=0.0, doubt={}):
    if found is None:
      self.tally.check(False, f"{what}: {kind}: the probe gave nothing")
      return
    missing = [k for k in expected if k not in found]
    wrong = [f"{k} {list(found[k].shape)} for {list(v.shape)}" for k, v in expected.items()
             if k in found and found[k].numel() != v.numel()]
    if missing or wrong:
      self.tally.check(False, f"{what}: {kind}: missing {missing[:4]} ({len(missing)}), shapes {wrong[:4]}")
      return
    errors = self.errors(found, expected, floor)
    # What the reference gives no gradient has to have none here.
    extra = [k for k in found if floor and k.startswith("grad.") and k not in expected and found[k].abs().max() > 0]
    worst = max(errors, key=lambda k: errors[k] / max(LIMIT, 2 * doubt.get(k, 0)))
    own = f", torch's own in f32 {doubt[worst]:.1e}" if worst in doubt else ""
    self.tally.check(errors[worst] <= max(LIMIT, 2 * doubt.get(worst, 0)) and not extra,
                     f"{what:30} {kind:32} worst {errors[worst]:.1e}{own} {worst}" +
                     (f", extra {extra[:4]}" if extra else ""))


if __name__ == "__main__":
  main()
