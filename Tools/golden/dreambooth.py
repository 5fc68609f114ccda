"""Ten steps of DreamBooth with prior preservation, with the mathematics of diffusers' train_dreambooth.py.

    loss = mse(pred[instance], target[instance]) + prior_loss_weight * mse(pred[class], target[class])

Noise and timesteps are given; AdamW and the clipping of gradients are torch's own, with that script's defaults.
"""

from diffusers import DDPMScheduler, UNet2DConditionModel
import torch
import torch.nn.functional as F

from fixture import Fixture, moved, nhwc
from models import file_config, unet_config
from samplers import SD1, config_of

STEPS = 10


def make(seed, c):
  return [run(seed, c, "dreambooth_sd1", "unet_sd1", "epsilon", 1.0, 1e-3),
          run(seed, c, "dreambooth_sd2", "unet_sd2", "v_prediction", 0.7, 5e-4)]


def run(seed, c, name, style, prediction, prior_weight, learning_rate):
  f = Fixture(name, seed)
  scheduler = DDPMScheduler.from_config(SD1 | dict(prediction_type=prediction))
  unet = UNet2DConditionModel(**unet_config(c, style))
  settings = dict(prior_weight=prior_weight, lr=learning_rate)
  for _ in range(300):
    given = draw(f, c)
    f.randomize(unet)
    before = {k: p.detach().clone() for k, p in unet.named_parameters()}
    logs, after = train(unet, before, scheduler, given, settings, torch.float64)
    # AdamW divides by the gradient's own size: a draw on which torch in f32, with weights as they are or moved by one
    # rounding, leaves its own f64 run measures that.
    singles = (train(unet, b, scheduler, given, settings, torch.float32)[0] for b in [before, *moved(before, 2)])
    if all(((single[k].double() - v) / v).abs().max() < (3e-4 if k == "gradientNorm" else 3e-5)
           for single in singles for k, v in logs.items()):
      break
  else:
    raise SystemExit(f"{name}: no well-conditioned run in 300; take another seed")
  inputs = {f"in.{k}": nhwc(v) if v.ndim == 4 else v for step in given for k, v in step["tensors"].items()}
  outputs = logs | {f"after.{k}": p for k, p in after.items()}
  f.run(inputs | {f"param.{k}": v for k, v in before.items()} | {f"out.{k}": v for k, v in outputs.items()},
        config=file_config(unet),
        prediction=prediction, timesteps=[step["timesteps"] for step in given], priorWeight=prior_weight,
        maxGradientNorm=1.0, scheduler=config_of(scheduler), learningRate=learning_rate, beta1=0.9, beta2=0.999,
        weightDecay=1e-2, epsilon=1e-8)
  return f


def draw(f, c):
  """Latents, noise, text states and timesteps of each step: two instance rows, then two class rows."""
  h, w = c["side"]
  return [{"tensors": {f"latents{i}": f.normal(4, c["latents"], h, w), f"noise{i}": f.normal(4, c["latents"], h, w),
                       f"context{i}": f.normal(4, c["tokens"], c["context"])},
           "timesteps": f.integers(4, 1000)} for i in range(STEPS)]


def train(unet, before, scheduler, given, settings, dtype):
  unet.to(dtype).train()
  for k, p in unet.named_parameters():
    p.data = before[k].to(dtype).clone()
  optimizer = torch.optim.AdamW(unet.parameters(), lr=settings["lr"], betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
  logs = {"loss": [], "instanceLoss": [], "priorLoss": [], "gradientNorm": []}
  for step in given:
    latents, noise, context = (x.to(dtype) for x in step["tensors"].values())
    t = torch.tensor(step["timesteps"])
    predicted = unet(scheduler.add_noise(latents, noise, t), t, context).sample
    target = noise if scheduler.config.prediction_type == "epsilon" else scheduler.get_velocity(latents, noise, t)
    (predicted, predicted_prior), (target, target_prior) = predicted.chunk(2), target.chunk(2)
    instance, prior = F.mse_loss(predicted, target), F.mse_loss(predicted_prior, target_prior)
    loss = instance + settings["prior_weight"] * prior
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    for key, value in zip(logs, [loss, instance, prior, norm]):
      logs[key].append(value.detach())
  return {k: torch.stack(v) for k, v in logs.items()}, {k: p.detach().clone() for k, p in unet.named_parameters()}
