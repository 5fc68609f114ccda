"""Ten training steps of every other method, with the mathematics of diffusers' example scripts (train_dreambooth.py,
train_dreambooth_lora.py, textual_inversion.py, train_custom_diffusion.py) and peft's layers, on small random models.

A file holds one case `run`. Batches are two rows of the instance, then, with `priorWeight`, two of the class:

    loss = mse(pred[instance], target[instance]) + priorWeight * mse(pred[class], target[class])

Fields: `config` (U-Net), `textConfig` where the text encoder takes part, `scheduler`, `timesteps` and `ids` (one list of
rows a step), `priorWeight` or null, `maxGradientNorm` (over all trained values together), `learningRate`,
`textLearningRate` (of text_encoder.* and embedding.*), `beta1`, `beta2`, `weightDecay`, `epsilon`,
`rank`, `alpha`, and `consistencyBeta` where the loss is that of Direct Consistency Optimization (2402.12004), the mean of
-log sigmoid(-beta * (mse of the row - the frozen base's mse of the row)).  Tensors:

    in.latentsI  in.noiseI     [B, H, W, C] of step I;  in.contextI [B, T, D] where no text encoder takes part
    param.unet.KEY  param.text_encoder.KEY    the models' weights before training, frozen or trained
    param.adapter.PATH.down|up|magnitude      [r, in(, kh, kw)], [out, r(, 1, 1)], [out]: y = W x + alpha / rank * up(down(x));
                               PATH is `unet.` or `text_encoder.` and the layer, without `text_model`
    param.embedding.rows       new rows of the token table; their ids follow the table's last
    out.loss  out.instanceLoss  out.priorLoss  out.gradientNorm     [10], the norm before clipping; with `consistencyBeta`
                               out.loss, out.mse, out.baseMse (means over the rows) and out.gradientNorm
    out.gradient.KEY           of the first step, before clipping; KEY of a trained `param.`
    out.after.KEY              after the last step
"""

from diffusers import DDPMScheduler, UNet2DConditionModel
from peft import LoraConfig
import torch
import torch.nn.functional as F
from transformers import CLIPTextConfig, CLIPTextModel

from fixture import Fixture, moved, nhwc
from models import file_config, text_config, unet_config
from samplers import SD1, config_of

STEPS = 10
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
FEED_FORWARD = ["ff.net.0.proj", "ff.net.2"]
CONVOLUTIONS = ["conv1", "conv2", "conv_shortcut", "time_emb_proj", "proj_in", "proj_out", "downsamplers.0.conv",
                "upsamplers.0.conv"]
TEXT_ATTENTION = ["q_proj", "k_proj", "v_proj", "out_proj"]


def make(seed, c):
  # A LayerNorm over four values is so often over nearly equal ones that no run of ten steps would be well-conditioned.
  c = c | dict(channels=[2 * c["channels"][0]] * 2, layers=1)
  everywhere = ATTENTION + FEED_FORWARD + CONVOLUTIONS
  for name, style, adapters, more in [
      ("lora_sd1", "sd1", dict(unet=ATTENTION, rank=4, alpha=4), dict(priorWeight=1.0)),
      ("lora_sd2", "sd2", dict(unet=ATTENTION, rank=4, alpha=2), dict(priorWeight=0.7)),
      ("lora_everywhere_sd1", "sd1", dict(unet=everywhere, text=TEXT_ATTENTION, rank=3, alpha=2), {}),
      ("lora_everywhere_sd2", "sd2", dict(unet=everywhere, text=TEXT_ATTENTION, rank=2, alpha=3), dict(priorWeight=1.0)),
      ("dora_sd1", "sd1", dict(unet=ATTENTION, rank=4, alpha=4, dora=True), {}),
      ("dora_sd2", "sd2", dict(unet=ATTENTION, text=TEXT_ATTENTION, rank=2, alpha=3, dora=True), dict(priorWeight=1.0))]:
    yield Run(name, seed, c, style, adapters=adapters, text="text" in adapters, **more).record()
  yield Run("textual_inversion_sd1", seed, c, "sd1", text=True, rows=2, textLearningRate=5e-3).record()
  yield Run("textual_inversion_sd2", seed, c, "sd2", text=True, rows=1, textLearningRate=2e-3).record()
  trains_all = lambda key: True
  yield Run("text_encoder_sd1", seed, c, "sd1", text=True, trains=trains_all, priorWeight=1.0).record()
  yield Run("text_encoder_sd2", seed, c, "sd2", text=True, trains=trains_all, textLearningRate=2e-4).record()
  yield Run("consistency_sd1", seed, c, "sd1", adapters=dict(unet=ATTENTION, rank=4, alpha=4), consistencyBeta=5.0).record()
  cross = lambda key: key.startswith("unet.") and key.endswith(("attn2.to_k.weight", "attn2.to_v.weight"))
  yield Run("custom_diffusion_sd1", seed, c, "sd1", text=True, rows=1, trains=cross, priorWeight=1.0).record()


class Run:

  def __init__(self, name, seed, c, style, text=False, adapters=None, rows=0, trains=lambda key: False, **settings):
    self.name, self.c, self.f = name, c, Fixture(name, seed)
    self.adapters, self.row_count, self.trains = adapters, rows, trains
    self.settings = dict(priorWeight=None, maxGradientNorm=1.0, learningRate=1e-3, beta1=0.9, beta2=0.999,
                         weightDecay=1e-2, epsilon=1e-8) | settings
    self.settings.setdefault("textLearningRate", self.settings["learningRate"])
    self.scheduler = DDPMScheduler.from_config(
      SD1 | dict(prediction_type="epsilon" if style == "sd1" else "v_prediction"))
    self.unet, self.text = UNet2DConditionModel(**unet_config(c, f"unet_{style}")), None
    if text:
      act = "quick_gelu" if style == "sd1" else "gelu"
      config = text_config(c, hidden_act=act, eos_token_id=2) | dict(hidden_size=c["context"], num_attention_heads=2)
      self.text = CLIPTextModel(CLIPTextConfig(**config))
      self.text.config.architectures = ["CLIPTextModel"]
      self.text_file_config = file_config(self.text)
    self.unet_file_config = file_config(self.unet)
    if adapters:
      for model, targets in [(self.unet, adapters["unet"]), (self.text, adapters.get("text"))]:
        if targets:
          model.add_adapter(LoraConfig(r=adapters["rank"], lora_alpha=adapters["alpha"], target_modules=targets,
                                       use_dora=adapters.get("dora", False)))

  def record(self):
    f = self.f
    for _ in range(100):
      self.draw_weights()
      given = [self.draw_step() for _ in range(STEPS)]
      if self.is_well_conditioned(given):
        break
    else:
      raise SystemExit(f"{self.name}: no well-conditioned run in 100; take another seed")
    tensors = {f"in.{k}{i}": nhwc(x) if x.ndim == 4 else x for i, step in enumerate(given)
               for k, x in step["tensors"].items()}
    tensors |= {f"param.{k}": v for k, v in self.before.items()} | {f"out.{k}": v for k, v in self.truth.items()}
    fields = self.settings | dict(timesteps=[step["timesteps"] for step in given], scheduler=config_of(self.scheduler),
                                  prediction=self.scheduler.config.prediction_type, config=self.unet_file_config)
    if self.text:
      fields |= dict(textConfig=self.text_file_config, ids=[step["ids"] for step in given])
    if self.adapters:
      fields |= dict(rank=self.adapters["rank"], alpha=self.adapters["alpha"])
    f.run(tensors, **fields)
    return f

  # Weights

  def parameters(self):
    """Every parameter under its key in the file."""
    found = {}
    for model, prefix in [(self.unet, "unet"), (self.text, "text_encoder")]:
      for k, p in model.named_parameters() if model else []:
        if "lora_" in k:
          layer, kind = k.replace(".default", "").removesuffix(".weight").rsplit(".lora_", 1)
          found[f"adapter.{prefix}.{layer}.{dict(A='down', B='up', magnitude_vector='magnitude')[kind]}"] = p
        else:
          found[f"{prefix}.{k.replace('.base_layer', '')}"] = p
    if self.row_count:
      found["embedding.rows"] = self.rows
    return found

  def trained(self):
    return {k: p for k, p in self.parameters().items() if k.startswith(("adapter.", "embedding.")) or self.trains(k)}

  def draw_weights(self):
    f = self.f
    for model in [self.unet, self.text]:
      if model:
        f.randomize(model).train()
    if self.row_count:
      self.rows = torch.nn.Parameter(f.normal(self.row_count, self.c["context"], scale=0.3))
    parameters = self.parameters()
    for k, p in parameters.items():
      if k.endswith(".magnitude"):
        path = k.removeprefix("adapter.").removesuffix(".magnitude")
        weight = parameters[f"{path}.weight"].data
        update = parameters[f"adapter.{path}.up"].data @ parameters[f"adapter.{path}.down"].data
        norm = (weight + self.adapters["alpha"] / self.adapters["rank"] * update).norm(dim=1)
        # Away from the norm, where a mistake in either would cancel.
        p.data = (norm * f.normal(*norm.shape, scale=0.2, shift=1.0)).float().double()
    trained = self.trained()
    for k, p in parameters.items():
      p.requires_grad_(k in trained)
    self.before = {k: p.detach().clone() for k, p in parameters.items()}

  # Steps

  def draw_step(self):
    f, c = self.f, self.c
    (h, w), rows = c["side"], 4 if self.settings["priorWeight"] is not None else 2
    step = {"tensors": {"latents": f.normal(rows, c["latents"], h, w), "noise": f.normal(rows, c["latents"], h, w)},
            "timesteps": f.integers(rows, 1000)}
    if self.text:
      step["ids"] = [self.draw_prompt(i < 2) for i in range(rows)]
    else:
      step["tensors"]["context"] = f.normal(rows, c["tokens"], c["context"])
    return step

  def draw_prompt(self, instance):
    """Start, words, end, padding with the end; the prompts of the instance hold every new row."""
    f, t = self.f, self.c["text"]
    new = list(range(t["vocab"], t["vocab"] + self.row_count)) if instance else []
    room = t["tokens"] - 2 - len(new)
    words = f.integers(1 + f.integers(1, room)[0], t["vocab"] - 2) if room > 0 else []
    words[len(words) // 2:len(words) // 2] = new
    return [t["vocab"] - 2, *words, *[t["vocab"] - 1] * (t["tokens"] - 1 - len(words))]

  def is_well_conditioned(self, given):
    """Whether torch in f32 follows its own f64 run, as the weights are and with each moved by one rounding: AdamW divides
    by the gradient's own size, so a poor draw would measure its own conditioning."""
    self.truth = self.train(given, self.before, torch.float64)
    for start in [self.before, *moved(self.before, 2)]:
      single = self.train(given, start, torch.float32)
      largest = max(v.norm() for k, v in self.truth.items() if k.startswith("gradient."))
      for k, v in self.truth.items():
        error = (single[k].double() - v).norm()
        if k.startswith("gradient."):
          good = error < 2e-5 * max(v.norm(), 0.02 * largest)
        elif k.startswith("after."):
          good = True
        else:
          good = ((single[k].double() - v) / v).abs().max() < (2e-4 if k == "gradientNorm" else 2e-5)
        if not good:
          return False
      keys = [k.removeprefix("after.") for k in self.truth if k.startswith("after.")]
      distance = sum((self.truth[f"after.{k}"] - self.before[k]).square().sum() for k in keys)
      off = sum((single[f"after.{k}"].double() - self.truth[f"after.{k}"]).square().sum() for k in keys)
      if off > (5e-3) ** 2 * distance:
        return False
    return True

  def train(self, given, start, dtype):
    for model in [self.unet, self.text]:
      if model:
        model.to(dtype)
    for k, p in self.parameters().items():
      p.data, p.grad = start[k].to(dtype).clone(), None
    trained, s = self.trained(), self.settings
    is_text = lambda k: k.startswith(("text_encoder.", "adapter.text_encoder.", "embedding."))
    groups = [dict(params=[p for k, p in trained.items() if not is_text(k)], lr=s["learningRate"]),
              dict(params=[p for k, p in trained.items() if is_text(k)], lr=s["textLearningRate"])]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], betas=(s["beta1"], s["beta2"]),
                                  weight_decay=s["weightDecay"], eps=s["epsilon"])
    logs, gradients = {}, {}
    for step in given:
      losses = self.losses(step, dtype)
      losses["loss"].backward()
      gradients = gradients or {f"gradient.{k}": torch.zeros_like(p) if p.grad is None else p.grad.clone()
                                for k, p in trained.items()}
      losses["gradientNorm"] = torch.nn.utils.clip_grad_norm_(trained.values(), s["maxGradientNorm"])
      optimizer.step()
      optimizer.zero_grad()
      for k, v in losses.items():
        logs.setdefault(k, []).append(v.detach())
    after = {f"after.{k}": p.detach().clone() for k, p in trained.items()}
    return {k: torch.stack(v) for k, v in logs.items()} | gradients | after

  def losses(self, step, dtype):
    x = {k: v.to(dtype) for k, v in step["tensors"].items()}
    t = torch.tensor(step["timesteps"])
    context = self.encode(step["ids"]) if self.text else x["context"]
    predicted = self.unet(self.scheduler.add_noise(x["latents"], x["noise"], t), t, context).sample
    target = x["noise"]
    if self.scheduler.config.prediction_type == "v_prediction":
      target = self.scheduler.get_velocity(x["latents"], x["noise"], t)
    weight = self.settings["priorWeight"]
    if "consistencyBeta" in self.settings:
      self.unet.disable_adapters()
      with torch.no_grad():
        said = self.unet(self.scheduler.add_noise(x["latents"], x["noise"], t), t, context).sample
      self.unet.enable_adapters()
      mse, base_mse = ((y - target).square().mean(dim=[1, 2, 3]) for y in [predicted, said])
      loss = -F.logsigmoid(-self.settings["consistencyBeta"] * (mse - base_mse)).mean()
      return {"loss": loss, "mse": mse.mean(), "baseMse": base_mse.mean()}
    if weight is None:
      loss = F.mse_loss(predicted, target)
      return {"loss": loss, "instanceLoss": loss}
    (predicted, predicted_prior), (target, target_prior) = predicted.chunk(2), target.chunk(2)
    instance, prior = F.mse_loss(predicted, target), F.mse_loss(predicted_prior, target_prior)
    return {"loss": instance + weight * prior, "instanceLoss": instance, "priorLoss": prior}

  def encode(self, ids):
    ids = torch.tensor(ids)
    if not self.row_count:
      return self.text(input_ids=ids).last_hidden_state
    key = "embeddings.token_embedding.weight"
    table = torch.cat([self.text.get_parameter(key), self.rows])
    return torch.func.functional_call(self.text, {key: table}, kwargs=dict(input_ids=ids)).last_hidden_state
