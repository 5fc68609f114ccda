"""Theirs to ours: files of diffusers, peft and kohya's scripts, given to `dreambooth sample` and `dreambooth convert`."""

import shutil

from diffusers import StableDiffusionPipeline
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
import torch

from foreign import LowRank, original_layout, write_original
from pictures import TOKENIZER_FILES, hear, open_folder, with_ddim
from tally import refused, run

ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
KERNELS = ["conv1", "conv2", "conv_shortcut", "time_emb_proj", "proj_in", "proj_out", "downsamplers.0.conv",
           "upsamplers.0.conv", "ff.net.0.proj", "ff.net.2"]
TEXT = ["q_proj", "k_proj", "v_proj", "out_proj"]
TOKEN = "<my-dog>"


def check(bench):
  imports = Import(bench)
  for name in [name for name in dir(Import) if name.startswith("from_")]:
    if bench.wants(name):
      try:
        getattr(imports, name)()
      except Exception as error:
        bench.check(False, f"{name}: {type(error).__name__}: {str(error)[:400]}")


class Import:

  def __init__(self, bench):
    self.bench, self.base = bench, bench.base
    self.work = bench.work / "imports"
    self.work.mkdir(exist_ok=True)

  # Folders of diffusers

  def from_diffusers_folders(self):
    for dtype, more in [("float32", {}), ("float16", {}), ("bfloat16", {}), ("float16", dict(variant="fp16")),
                        ("float32", dict(max_shard_size="50KB"))]:
      name = "-".join([dtype, *map(str, more.values())])
      folder = self.work / f"folder-{name}"
      self.varied().to(getattr(torch, dtype)).save_pretrained(folder, **more)
      self.add_tokenizer_files(folder)
      pipeline = open_folder(folder, **{k: v for k, v in more.items() if k == "variant"})
      parts = len(list(folder.glob("unet/*.safetensors")))
      self.bench.same(f"a folder of diffusers in {name}, {parts} files of the U-Net", pipeline, ["--model", folder])

  def varied(self):
    """A pipeline other than the base, so that a picture from the base's own files would be seen."""
    pipeline = self.base.open()
    LowRank(pipeline, ["to_v", "conv1", "v_proj"], 2, 2, seed=11).merge(pipeline)
    return pipeline

  def add_tokenizer_files(self, folder):
    """The files that a checkpoint on the hub has, beside the tokenizer.json of newer libraries."""
    for file in TOKENIZER_FILES:
      source = self.base.folder / "tokenizer" / file
      if source.exists():
        shutil.copy(source, folder / "tokenizer" / file)

  # Single files

  def from_single_files(self):
    pipeline = self.varied()
    for dtype in [torch.float32, torch.float16, torch.bfloat16]:
      name = str(dtype).removeprefix("torch.")
      file = self.work / f"original-{name}.safetensors"
      write_original(pipeline, file, dtype)
      theirs, _ = hear(lambda: with_ddim(StableDiffusionPipeline.from_single_file(
        str(file), config=str(self.base.folder), local_files_only=True)))
      self.bench.same(f"a single file in {name}", theirs, ["--model", file, "--base", self.base.folder])
      out = self.work / f"from-single-file-{name}"
      good = run(self.bench.binary, "convert", file, out, "--to", "diffusers", "--base", self.base.folder)
      if self.bench.check(good, f"a single file in {name} converts to a folder"):
        again, about = hear(lambda: open_folder(out))
        self.bench.check(not about, f"a folder from a single file in {name} loads in diffusers without a warning about keys")
        self.bench.same(f"a folder from a single file in {name}", theirs, ["--model", out])
        self.equal_weights(f"a folder from a single file in {name}", theirs, again)

  def from_folder_to_single_file(self):
    pipeline, folder, file = self.varied(), self.work / "to-single", self.work / "to-single.safetensors"
    pipeline.save_pretrained(folder)
    self.add_tokenizer_files(folder)
    if not self.bench.check(run(self.bench.binary, "convert", folder, file, "--to", "single-file"),
                            "a folder converts to a single file"):
      return
    wanted, found = original_layout(pipeline), load_file(file)
    generated = {k for k in set(wanted) ^ set(found) if k.endswith(("text_projection", "logit_scale", "position_ids"))}
    differing = (set(wanted) ^ set(found)) - generated
    differing |= {k for k in set(wanted) & set(found) - generated if not torch.equal(wanted[k], found[k])}
    self.bench.check(not differing, f"a converted single file has the original's keys and the same numbers"
                     + (f": {sorted(differing)[:6]} ({len(differing)})" if differing else ""))
    again, about = hear(lambda: with_ddim(StableDiffusionPipeline.from_single_file(
      str(file), config=str(folder), local_files_only=True)))
    self.bench.check(not about, "a converted single file loads in diffusers without a warning about keys")
    self.bench.same("a converted single file", again, ["--model", file])

  def equal_weights(self, what, one, other):
    differing = [f"{part}.{k}" for part in ["unet", "vae", "text_encoder"]
                 for k, v in getattr(one, part).state_dict().items()
                 if not torch.equal(v, getattr(other, part).state_dict().get(k, torch.empty(0)))]
    self.bench.check(not differing, f"{what} has the same numbers" + (f" but {differing[:4]}" if differing else ""))

  def from_untouched(self):
    """Saving an untouched model reproduces its tensors bit for bit."""
    for dtype in ["float32", "bfloat16", "float16"]:
      folder, out = self.work / f"untouched-{dtype}", self.work / f"untouched-{dtype}-out"
      self.base.open().to(getattr(torch, dtype)).save_pretrained(folder)
      self.add_tokenizer_files(folder)
      if not self.bench.check(run(self.bench.binary, "convert", folder, out, "--to", "diffusers"),
                              f"an untouched model in {dtype} converts to a folder"):
        continue
      differing = []
      for part in ["unet", "vae", "text_encoder"]:
        before, after = ({k: v for file in (f / part).glob("*.safetensors") for k, v in load_file(file).items()}
                         for f in (folder, out))
        differing += [f"{part}.{k}" for k in before | after
                      if k not in before or k not in after or before[k].dtype != after[k].dtype
                      or not torch.equal(before[k], after[k])]
      self.bench.check(not differing, f"an untouched model in {dtype} comes back bit for bit"
                       + (f" but {differing[:4]} ({len(differing)})" if differing else ""))

  # Adapters of diffusers and peft

  def adapted(self, seed, layers, text_layers=None, rank=4, alpha=4, dora=False):
    """A pipeline with random adapters put in by peft."""
    pipeline = self.base.open()
    config = lambda targets: LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets, use_dora=dora)
    pipeline.unet.add_adapter(config(layers))
    if text_layers:
      pipeline.text_encoder.add_adapter(config(text_layers))
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
      for part in [pipeline.unet, pipeline.text_encoder]:
        for k, p in part.named_parameters():
          if "lora_A" in k or "lora_B" in k:
            p.copy_(torch.randn(p.shape, generator=g) * (p[0].numel() ** -0.5 if "lora_A" in k else 0.3))
          elif "lora_magnitude" in k:
            p.mul_(1 + 0.2 * torch.randn(p.shape, generator=g))
    return pipeline

  def save_lora(self, pipeline, folder, metadata=True):
    layers = dict(unet_lora_layers=get_peft_model_state_dict(pipeline.unet))
    given = dict(unet_lora_adapter_metadata=pipeline.unet.peft_config["default"].to_dict())
    if getattr(pipeline.text_encoder, "peft_config", None):
      layers["text_encoder_lora_layers"] = get_peft_model_state_dict(pipeline.text_encoder)
      given["text_encoder_lora_adapter_metadata"] = pipeline.text_encoder.peft_config["default"].to_dict()
    StableDiffusionPipeline.save_lora_weights(folder, **layers, **(given if metadata else {}))
    return folder / "pytorch_lora_weights.safetensors"

  def from_diffusers_lora(self):
    for what, settings, metadata in [
        ("attention, alpha 4 of 4, no metadata", dict(layers=ATTENTION), False),
        ("attention, alpha 2 of 4", dict(layers=ATTENTION, alpha=2), True),
        ("everywhere and the text encoder, alpha 6 of 3", dict(layers=ATTENTION + KERNELS, text_layers=TEXT, rank=3, alpha=6), True),
        ("DoRA of attention", dict(layers=ATTENTION, dora=True, alpha=2), True),
        ("DoRA everywhere", dict(layers=ATTENTION + KERNELS, text_layers=TEXT, rank=3, alpha=3, dora=True), True)]:
      made = self.adapted(21, **settings)
      file = self.save_lora(made, self.work / ("lora-" + what.replace(" ", "-").replace(",", "")), metadata)
      self.bench.same(f"a LoRA of diffusers, {what}", made, self.model("--adapter", file))
      kohya = file.parent / "kohya.safetensors"
      if self.convert(file, kohya, "lora-kohya"):
        again = self.base.open()
        if settings.get("dora"):
          LowRank.read_kohya(again, kohya).merge(again)
        else:
          _, about = hear(lambda: again.load_lora_weights(str(kohya.parent), weight_name=kohya.name))
          self.bench.check(not about, f"a LoRA turned to kohya's keys, {what}, loads in diffusers without a warning")
        self.bench.same(f"a LoRA turned to kohya's keys, {what}", again, self.model("--adapter", kohya))

  def from_peft(self):
    for what, settings in [("alpha 2 of 4", dict(r=4, lora_alpha=2, target_modules=ATTENTION)),
                           ("a rank of its own for to_q", dict(r=2, lora_alpha=4, target_modules=ATTENTION,
                                                             rank_pattern={"to_q": 3}, alpha_pattern={"to_q": 5})),
                           ("rank-stabilised", dict(r=4, lora_alpha=3, target_modules=ATTENTION, use_rslora=True)),
                           ("DoRA with kernels", dict(r=2, lora_alpha=2, target_modules=ATTENTION + ["conv1"], use_dora=True))]:
      pipeline = self.base.open()
      wrapped = get_peft_model(pipeline.unet, LoraConfig(init_lora_weights=False, **settings))
      folder = self.work / ("peft-" + what.replace(" ", "-"))
      g = torch.Generator().manual_seed(4)
      with torch.no_grad():
        for k, p in wrapped.named_parameters():
          if "lora_A" in k or "lora_B" in k:
            p.copy_(torch.randn(p.shape, generator=g) * (p[0].numel() ** -0.5 if "lora_A" in k else 0.3))
      wrapped.save_pretrained(folder)
      pipeline.unet = wrapped.base_model.model
      self.bench.same(f"a file of peft, {what}", pipeline, self.model("--adapter", folder / "adapter_model.safetensors"))

  def model(self, *more):
    return ["--model", self.base.folder, *more]

  def convert(self, source, target, form):
    good = run(self.bench.binary, "convert", source, target, "--to", form, "--base", self.base.folder)
    return self.bench.check(good, f"{source.parent.name}/{source.name} converts to {form}")

  # Adapters in kohya's keys

  def from_kohya(self):
    convolutions = lambda path: 2 if "conv" in path else 4
    for what, layers, settings, form in [
        ("attention", ATTENTION, dict(rank=4, alpha=4), {}),
        ("attention, alpha 1 of 8, f16", ATTENTION, dict(rank=8, alpha=1, size=2.0), dict(dtype=torch.float16)),
        ("everywhere with kernels and the text encoder", ATTENTION + KERNELS + TEXT + ["fc1", "fc2"], dict(rank=convolutions, alpha=2), {}),
        ("no alpha", ATTENTION, dict(rank=4, alpha=4), dict(alpha=False)),
        ("names of the original U-Net", ATTENTION + KERNELS, dict(rank=3, alpha=6), dict(original=True)),
        ("text encoder as lora_te1", ATTENTION + TEXT, dict(rank=2, alpha=1), dict(text_prefix="lora_te1_")),
        ("DoRA", ATTENTION, dict(rank=4, alpha=2, dora=True), {}),
        ("DoRA with kernels", ATTENTION + KERNELS + TEXT, dict(rank=2, alpha=2, dora=True), {})]:
      pipeline = self.base.open()
      update = LowRank(pipeline, layers, seed=31, **settings)
      file = self.work / ("kohya-" + what.replace(" ", "-").replace(",", "") + ".safetensors")
      update.write_kohya(pipeline, file, **form)
      update.merge(pipeline)
      self.bench.same(f"a LoRA in kohya's keys, {what}", pipeline, self.model("--adapter", file))
      folder = file.with_suffix("")
      folder.mkdir(exist_ok=True)
      peft = folder / "pytorch_lora_weights.safetensors"
      if self.convert(file, peft, "lora-peft"):
        again = self.base.open()
        _, about = hear(lambda: again.load_lora_weights(str(folder)))
        self.bench.check(not about, f"a LoRA from kohya's keys, {what}, loads in diffusers without a warning")
        self.bench.same(f"a LoRA from kohya's keys, {what}", again, self.model("--adapter", peft))

  def from_several_adapters(self):
    """Two files of diffusers and one of kohya's, each with a weight of its own."""
    files = [self.save_lora(self.adapted(41 + i, ATTENTION, alpha=2 + i), self.work / f"several-{i}") for i in range(2)]
    pipeline = self.base.open()
    third = LowRank(pipeline, ["to_q", "conv1", "q_proj"], 2, 1, seed=43)
    third.write_kohya(pipeline, self.work / "several-2.safetensors")
    third.merge(pipeline, -0.4)
    weights = [0.7, 0.5]
    for i, file in enumerate(files):
      pipeline.load_lora_weights(str(file.parent), adapter_name=f"a{i}")
    pipeline.set_adapters(["a0", "a1"], weights)
    self.bench.same("three weighted adapters", pipeline, self.model(
      "--adapter", f"{files[0]}:{weights[0]}", "--adapter", f"{files[1]}:{weights[1]}",
      "--adapter", f"{self.work / 'several-2.safetensors'}:-0.4"))
    merged = self.base.open()
    LowRank(merged, ["to_q", "conv1", "q_proj"], 2, 1, seed=43).merge(merged, 0.0)
    self.bench.same("an adapter of weight 0", merged, self.model("--adapter", f"{self.work / 'several-2.safetensors'}:0"), effect=False)

  # Embeddings

  def from_embeddings(self):
    pipeline = self.base.open()
    table = pipeline.text_encoder.get_input_embeddings().weight
    for count in [1, 4]:
      g = torch.Generator().manual_seed(50 + count)
      rows = torch.randn(count, table.shape[1], generator=g) * table.std()
      theirs, kohya = self.work / f"learned_embeds-{count}.safetensors", self.work / f"my-dog-{count}.safetensors"
      save_file({TOKEN: rows}, theirs)
      save_file({"emb_params": rows}, kohya, metadata={"name": "other"} if count == 4 else None)
      vector = self.work / "vector.safetensors"
      save_file({TOKEN: rows[0]}, vector)
      for file, token in [(theirs, TOKEN), (kohya, "other" if count == 4 else kohya.stem)] + [(vector, TOKEN)] * (count == 1):
        taught = self.base.open()
        taught.load_textual_inversion(str(file), token=token)
        self.bench.same(f"an embedding of {count} rows, {file.name}, word {token}", taught,
                        self.model("--embedding", file), prompt=f"a photo of a {token} on a table")

  # What is not opened

  def from_pickles(self):
    table = self.base.open().text_encoder.get_input_embeddings().weight
    for name, value, option in [
        ("model.ckpt", {"state_dict": {"a": torch.zeros(3)}}, "--model"),
        ("pytorch_lora_weights.bin", {"unet.a.lora_A.weight": torch.zeros(2, 2)}, "--adapter"),
        ("learned_embeds.bin", {TOKEN: table[0].detach()}, "--embedding"),
        ("embedding.pt", {"string_to_param": {"*": table[:1].detach()}, "name": "x"}, "--embedding"),
        ("named-wrongly.safetensors", {TOKEN: table[0].detach()}, "--embedding"),
        ("legacy.pt", {TOKEN: table[0].detach()}, "--embedding")]:
      file = self.work / name
      torch.save(value, file, **(dict(_use_new_zipfile_serialization=False) if name == "legacy.pt" else {}))
      model = ["--model", file] if option == "--model" else self.model(option, file)
      said = refused(self.bench.binary, "sample", *model, "--prompt", "a", "--output", self.work / "none")
      self.bench.check(said is not None and "pickle" in said.lower() and "safetensors" in said.lower(),
                       f"{name} by {option} is refused with advice: {said}")

  def from_other_kinds(self):
    """Adapters that are no sums of two factors are refused by name, and so are an adapter for another model and a
    file given to the wrong option."""
    name = "lora_unet_mid_block_attentions_0_proj_in"
    for what, tensors, option in [
        ("LoHa", {f"{name}.hada_w1_a": torch.zeros(2, 2), f"{name}.hada_w1_b": torch.zeros(2, 2)}, "--adapter"),
        ("LoKr", {f"{name}.lokr_w1": torch.zeros(2, 2)}, "--adapter"),
        ("layers of another model", {"lora_unet_no_such_layer.lora_down.weight": torch.zeros(2, 2),
                                     "lora_unet_no_such_layer.lora_up.weight": torch.zeros(2, 2)}, "--adapter"),
        ("an adapter as a model", {f"{name}.lora_down.weight": torch.zeros(2, 2)}, "--model"),
        ("rows of another width", {TOKEN: torch.zeros(1, 7)}, "--embedding"),
        ("half an adapter", {f"{name}.lora_down.weight": torch.zeros(2, 2)}, "--adapter")]:
      file = self.work / "refused.safetensors"
      save_file(tensors, file)
      model = ["--model", file] if option == "--model" else self.model(option, file)
      said = refused(self.bench.binary, "sample", *model, "--prompt", "a", "--output", self.work / "none")
      self.bench.check(said is not None, f"{what} is refused: {said}")
