"""Ten steps of DreamBooth with prior preservation, with the mathematics of diffusers' train_dreambooth.py.

    loss = mse(pred[instance], target[instance]) + prior_loss_weight * mse(pred[class], target[class])

Noise and timesteps are given; AdamW and the clipping of gradients are torch's own, with that script's defaults.
"""

from diffusers import DDPMScheduler, UNet2DConditionModel
import torch
import torch.nn.functional as F

from fixture import Fixture, nhwc
from models import file_config, unet_config
from samplers import SD1, config_of

STEPS = 10


def make(seed, c):
  return [run(seed, c, "dreambooth_sd1", "unet_sd1", "epsilon", 1.0, 1e-3),
          run(seed, c, "dreambooth_sd2", "unet_sd2", "v_prediction", 0.7, 5e-4)]


def run(seed, c, name, style, prediction, prior_weight, learning_rate):
  f = Fixture(name, seed)
  unet = UNet2DConditionModel(**unet_config(c, style))
  half, (h, w) = 2, c["side"]
  make = lambda: {"x": f.normal(2 * half, c["latents"], h, w), "context": f.normal(2 * half, c["tokens"], c["context"])}
  f.settle(unet, make, lambda x, context: {"y": unet(x, torch.tensor([10, 300, 700, 990]), context).sample})
  unet.train()
  scheduler = DDPMScheduler.from_config(SD1 | dict(prediction_type=prediction))
  adamw = dict(lr=learning_rate, betas=(0.9, 0.999), weight_decay=1e-2, eps=1e-8)
  optimizer = torch.optim.AdamW(unet.parameters(), **adamw)
  before = {k: p.detach().clone() for k, p in unet.named_parameters()}
  inputs, timesteps, logs = {}, [], {"loss": [], "instanceLoss": [], "priorLoss": [], "gradientNorm": []}
  for step in range(STEPS):
    # instance rows first, then class rows: the collate function concatenates them in this order
    latents, noise = (f.normal(2 * half, c["latents"], h, w) for _ in range(2))
    context = f.normal(2 * half, c["tokens"], c["context"])
    t = f.integers(2 * half, 1000)
    inputs |= {f"latents{step}": nhwc(latents), f"noise{step}": nhwc(noise), f"context{step}": context}
    timesteps.append(t)
    t = torch.tensor(t)
    noisy = scheduler.add_noise(latents, noise, t)
    predicted = unet(noisy, t, context).sample
    target = noise if prediction == "epsilon" else scheduler.get_velocity(latents, noise, t)
    (predicted, predicted_prior), (target, target_prior) = predicted.chunk(2), target.chunk(2)
    instance, prior = F.mse_loss(predicted, target), F.mse_loss(predicted_prior, target_prior)
    loss = instance + prior_weight * prior
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    for key, value in zip(logs, [loss, instance, prior, norm]):
      logs[key].append(value.detach())
  f.case("run", {k: torch.stack(v) for k, v in logs.items()} | {f"after.{k}": p for k, p in unet.named_parameters()},
         inputs, {k: p.requires_grad_(False) for k, p in before.items()}, config=file_config(unet),
         prediction=prediction, timesteps=timesteps, priorWeight=prior_weight, maxGradientNorm=1.0,
         scheduler=config_of(scheduler),
         learningRate=learning_rate, beta1=0.9, beta2=0.999, weightDecay=1e-2, epsilon=1e-8)
  return f
