"""Ours to theirs: short runs of every method, and each file they leave opened in diffusers."""

import json

from diffusers import StableDiffusionPipeline
import numpy as np
from safetensors import safe_open

from foreign import LowRank
from pictures import hear, open_folder, with_ddim
from tally import run

ADAPTED = ["lora_peft", "lora_kohya", "diffusers", "single_file"]
TAUGHT = ["ti_diffusers", "ti_kohya"]
EVERYWHERE = dict(rank=3, alpha=1.5, targets=["attention", "feed_forward", "convolutions"])
RUNS = {  # name: what differs from a plain recipe
  "dreambooth": dict(method="dreambooth", exports=["diffusers", "single_file"]),
  "dreambooth with text encoder": dict(method="dreambooth", train_text_encoder=True, exports=["diffusers", "single_file"]),
  "lora": dict(method="lora", lora=dict(rank=4, alpha=2), exports=ADAPTED),
  "lora everywhere": dict(method="lora", train_text_encoder=True, lora=EVERYWHERE, exports=ADAPTED),
  "dora": dict(method="lora", lora=dict(rank=4, alpha=4, dora=True), exports=ADAPTED),
  "dora everywhere": dict(method="lora", train_text_encoder=True, lora=EVERYWHERE | dict(dora=True), exports=ADAPTED),
  "textual inversion": dict(method="textual_inversion", embedding=dict(vectors=1), exports=TAUGHT),
  "textual inversion of 4 vectors": dict(method="textual_inversion", embedding=dict(vectors=4), exports=TAUGHT),
  "pivotal tuning": dict(method="pivotal_tuning", embedding=dict(vectors=2), exports=["lora_peft", "lora_kohya", *TAUGHT]),
  "custom diffusion": dict(method="custom_diffusion", exports=["diffusers", "single_file", *TAUGHT]),
}
RATES = {"dreambooth": 3e-3, "lora": 2e-2, "textual_inversion": 0.1, "pivotal_tuning": 2e-2, "custom_diffusion": 2e-2}


def recipe(method, exports, **parts):
  """A whole recipe, as the command line wants it in a file."""
  return dict(
    version=1, class_noun="dog", identifier="auto", method=method, exports=exports,
    train_text_encoder=parts.get("train_text_encoder", False), other_subjects=[],
    lora=dict(rank=4, alpha=0, targets=["attention"], dropout=0, dora=False) | parts.get("lora", {}),
    embedding=dict(vectors=1, initial_word="", kind="object", learning_rate=0.1, pull=0, progressive_every=0)
    | parts.get("embedding", {}),
    text_encoder=dict(learning_rate=0, until_step=0),
    objective=dict(offset_noise=0, prediction="model", zero_terminal_snr=False, unmasked_weight=0, consistency_beta=1000),
    prior=dict(enabled=False, source="generate", weight=1, images=4, sampler="ddpm", steps=2, guidance=3),
    training=dict(steps=8, learning_rate=RATES[method], warmup_steps=0, batch_size=1, gradient_accumulation=1,
                  precision="f32", seed=3, adam_beta1=0.9, adam_beta2=0.999, adam_epsilon=1e-8, weight_decay=1e-2,
                  max_gradient_norm=1, flip=False, checkpoint_every=8, keep_checkpoints=1, resolution=0),
    samples=dict(every=0, prompts=["a {id} {class}"], negative_prompt="", seeds=[1], sampler="ddim", steps=2, guidance=3))


def check(bench):
  photos = bench.work / "photos"
  if any(bench.wants(name) for name in RUNS) and not photos.exists():
    bench.check(run(bench.binary, "toybox", "--subject", "7", "--class", "dog", "--output", photos), "photos are drawn")
  for name, parts in RUNS.items():
    if bench.wants(name):
      Export(bench, name, parts).check()


class Export:

  def __init__(self, bench, name, parts, settings=None):
    self.bench, self.name, self.parts, self.settings = bench, name, parts, settings or recipe(**parts)
    self.folder = bench.work / name.replace(" ", "-")

  def check(self):
    file = self.folder.with_suffix(".json")
    file.write_text(json.dumps(self.settings))
    good = run(self.bench.binary, "train", "--base", self.bench.base.folder, "--images", self.bench.work / "photos",
               "--class", "dog", "--output", self.folder, "--recipe", file)
    if not self.bench.check(good, f"{self.name}: a short run"):
      return
    pictures = {}
    for form in self.parts["exports"]:
      what = f"{self.name} as {form}"
      try:
        pictures[form] = getattr(self, form)(what)
      except Exception as error:
        self.bench.check(False, f"{what}: {type(error).__name__}: {str(error)[:400]}")
    if not any(form in TAUGHT for form in pictures) and len(pictures) > 1:
      first, *others = pictures.values()
      worst = max(np.abs(first - other).mean() for other in others)
      self.bench.check(worst < 1, f"{self.name}: all forms draw the same, mean difference {worst:.4f}/255")

  def file(self, form):
    """The one safetensors file of a form."""
    found = sorted((self.folder / form).glob("*.safetensors"))
    if len(found) != 1:
      raise FileNotFoundError(f"{form} holds {[p.name for p in found]}, not one safetensors file")
    return found[0]

  def quietly(self, what, call):
    result, about = hear(call)
    self.bench.check(not about, f"{what}: loads without a warning about keys")
    return result

  # Whole models

  def diffusers(self, what):
    folder = self.folder / "diffusers"
    pipeline = self.quietly(what, lambda: open_folder(folder))
    # New rows are a file beside the model.
    return self.with_rows(what, pipeline, ["--model", folder])

  def single_file(self, what):
    file = self.file("single_file")
    pipeline = self.quietly(what, lambda: with_ddim(StableDiffusionPipeline.from_single_file(
      str(file), config=str(self.bench.base.folder), local_files_only=True)))
    self.no_leftovers(what, file, pipeline)
    return self.with_rows(what, pipeline, ["--model", file])

  def with_rows(self, what, pipeline, arguments):
    prompt = None
    if set(TAUGHT) & set(self.parts["exports"]):
      token, file = self.token(), self.file("ti_diffusers")
      if token not in pipeline.tokenizer.get_vocab():
        pipeline.load_textual_inversion(str(file))
        arguments = [*arguments, "--embedding", file]
      prompt = f"a photo of a {token}"
    return self.bench.same(what, pipeline, arguments, **({"prompt": prompt} if prompt else {}))

  def no_leftovers(self, what, file, pipeline):
    """The loader of single files may drop what it does not know: every number has to arrive."""
    with safe_open(file, "pt") as opened:
      stored = sum(opened.get_tensor(k).numel() for k in opened.keys() if opened.get_tensor(k).is_floating_point())
    held = sum(v.numel() for part in [pipeline.unet, pipeline.vae, pipeline.text_encoder]
               for v in part.state_dict().values() if v.is_floating_point())
    self.bench.check(0 <= stored - held <= 2_000_000 and stored < 1.2 * held,
                     f"{what}: the file holds {stored} numbers, the loaded model {held}")

  # Adapters

  def lora_peft(self, what):
    file = self.file("lora_peft")
    pipeline = self.bench.base.open()
    self.quietly(what, lambda: pipeline.load_lora_weights(str(self.folder / "lora_peft")))
    self.all_layers(what, file, pipeline)
    return self.with_rows(what, pipeline, ["--model", self.bench.base.folder, "--adapter", file])

  def lora_kohya(self, what):
    file = self.file("lora_kohya")
    pipeline = self.bench.base.open()
    if self.parts.get("lora", {}).get("dora"):
      # diffusers 0.42.1 leaves kohya's magnitudes out of whatever file; a reader of our own takes its place.
      LowRank.read_kohya(pipeline, file).merge(pipeline)
    else:
      self.quietly(what, lambda: pipeline.load_lora_weights(str(file.parent), weight_name=file.name))
      self.all_layers(what, file, pipeline)
    with safe_open(file, "pt") as opened:
      said = opened.metadata() or {}
    lacking = [k for k in ("ss_network_dim", "ss_network_alpha", "ss_network_module", "ss_base_model_version",
                           "modelspec.architecture", "modelspec.trigger_phrase", "modelspec.title", "sshs_model_hash")
               if not said.get(k)]
    self.bench.check(not lacking, f"{what}: metadata" + (f" lacks {lacking}" if lacking else " is there"))
    return self.with_rows(what, pipeline, ["--model", self.bench.base.folder, "--adapter", file])

  def all_layers(self, what, file, pipeline):
    with safe_open(file, "pt") as opened:
      stored = sum(k.endswith(("lora_A.weight", "lora_down.weight")) for k in opened.keys())
    loaded = sum(name.endswith("lora_A.default_0") for part in [pipeline.unet, pipeline.text_encoder]
                 for name, _ in part.named_modules())
    self.bench.check(stored == loaded > 0, f"{what}: {loaded} layers of {stored} are loaded")

  # Rows

  def token(self):
    with safe_open(self.file("ti_diffusers"), "pt") as opened:
      return next(iter(opened.keys()))

  def ti_diffusers(self, what):
    return self.rows(what, self.file("ti_diffusers"), {})

  def ti_kohya(self, what):
    return self.rows(what, self.file("ti_kohya"), dict(token=self.token()))

  def rows(self, what, file, more):
    with safe_open(file, "pt") as opened:
      count = opened.get_tensor(next(iter(opened.keys()))).shape[0]
    wanted = self.parts.get("embedding", {}).get("vectors", 1)
    self.bench.check(count == wanted, f"{what}: {count} rows of {wanted}")
    pipeline = self.bench.base.open()
    self.quietly(what, lambda: pipeline.load_textual_inversion(str(file), **more))
    return self.bench.same(what, pipeline, ["--model", self.bench.base.folder, "--embedding", file],
                           prompt=f"a photo of a {self.token()}")
