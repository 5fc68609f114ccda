"""Choices in what is minimised: min-SNR weights, offset noise, a schedule with zero terminal SNR, masks.

Cases and their tensors (activations channels-last, scalars as [1]); the losses are those of epsilon or v_prediction:

    snr_*            out.snr, out.weight [10] at `timesteps`, weight = min(snr, gamma) / snr, or / (snr + 1) for v_prediction
    min_snr_*        in.latents, noise, prediction [4, H, W, C], two rows of the instance and two of the class;
                     out.perSample [4] = weight * mse of the row; out.instanceLoss, priorLoss, loss = instance + priorWeight * prior;
                     out.gradient.prediction of loss
    offset_noise     in.noise, in.offset [B, C]; out.noise = noise + strength * offset
    zero_terminal_snr  in.x, in.noise; out.betas, alphas_cumprod, noisy, velocity
    masked_*         in.latents, noise, prediction, in.mask [B, H, W, 1]; with m = mask + (1 - mask) * unmaskedWeight
                     out.perSample [B] = sum(m * square) / sum(m) over pixels and channels; out.gradient.prediction of the mean
"""

from diffusers import DDIMScheduler, DDPMScheduler
import torch

from fixture import Fixture, nhwc
from samplers import SD1, config_of

GAMMA, PRIOR_WEIGHT, STRENGTH = 5.0, 0.6, 0.1


def make(seed, c):
  f = Fixture("objective", seed)
  for prediction in ["epsilon", "v_prediction"]:
    snr_weights(f, c, prediction)
  offset_noise(f, c)
  zero_terminal_snr(f)
  masked(f, c, "masked_out", 0.0)
  masked(f, c, "masked_partly", 0.2)
  return [f]


def put(f, name, inputs, outputs, **meta):
  for role, tensors in [("in", inputs), ("out", outputs)]:
    for k, v in tensors.items():
      f.put(f"{name}.{role}.{k}", nhwc(v) if v.ndim == 4 else v.reshape(1) if v.ndim == 0 else v)
  f.cases.append({"name": name, **meta})


def snr_weights(f, c, prediction):
  s = DDPMScheduler.from_config(SD1 | dict(prediction_type=prediction))

  def weigh(times):
    alpha_bar = s.alphas_cumprod.double()[torch.tensor(times)]
    snr = alpha_bar / (1 - alpha_bar)
    return snr, snr.clamp(max=GAMMA) / (snr if prediction == "epsilon" else snr + 1)

  times = [1, 10, 50, 100, 250, 400, 500, 750, 900, 999]
  snr, weight = weigh(times)
  put(f, f"snr_{prediction}", {}, {"snr": snr, "weight": weight}, scheduler=config_of(s), gamma=GAMMA, timesteps=times)
  x, times = batch(f, c, 4), [20, 900, 300, 999]
  x["prediction"].requires_grad_(True)
  t = torch.tensor(times)
  target = x["noise"] if prediction == "epsilon" else s.get_velocity(x["latents"], x["noise"], t)
  rows = (x["prediction"] - target).square().mean(dim=[1, 2, 3]) * weigh(times)[1]
  instance, prior = rows[:2].mean(), rows[2:].mean()
  loss = instance + PRIOR_WEIGHT * prior
  gradient, = torch.autograd.grad(loss, x["prediction"])
  put(f, f"min_snr_{prediction}", x,
      {"perSample": rows, "instanceLoss": instance, "priorLoss": prior, "loss": loss, "gradient.prediction": gradient},
      scheduler=config_of(s), gamma=GAMMA, priorWeight=PRIOR_WEIGHT, timesteps=times)


def batch(f, c, rows):
  return {k: f.normal(rows, c["latents"], *c["side"]) for k in ["latents", "noise", "prediction"]}


def offset_noise(f, c):
  noise, offset = f.normal(3, c["latents"], *c["side"]), f.normal(3, c["latents"])
  put(f, "offset_noise", {"noise": noise, "offset": offset}, {"noise": noise + STRENGTH * offset[:, :, None, None]},
      strength=STRENGTH)


def zero_terminal_snr(f):
  s = DDIMScheduler.from_config(SD1 | dict(rescale_betas_zero_snr=True, prediction_type="v_prediction"))
  times = [0, 1, 500, 998, 999]
  x, noise, t = f.normal(5, 4, 3, 2).float(), f.normal(5, 4, 3, 2).float(), torch.tensor(times)
  put(f, "zero_terminal_snr", {"x": x, "noise": noise},
      {"betas": s.betas, "alphas_cumprod": s.alphas_cumprod, "noisy": s.add_noise(x, noise, t),
       "velocity": s.get_velocity(x, noise, t)}, scheduler=config_of(s), timesteps=times)


def masked(f, c, name, unmasked):
  s = DDPMScheduler.from_config(SD1)
  x = batch(f, c, 3)
  mask = f.normal(3, 1, *c["side"]).clamp(0, 1)  # half of it zero, some of it one
  x["prediction"].requires_grad_(True)
  m = (mask + (1 - mask) * unmasked).expand_as(x["noise"])
  rows = (m * (x["prediction"] - x["noise"]).square()).sum(dim=[1, 2, 3]) / m.sum(dim=[1, 2, 3])
  gradient, = torch.autograd.grad(rows.mean(), x["prediction"])
  put(f, name, x | {"mask": mask}, {"perSample": rows, "gradient.prediction": gradient}, scheduler=config_of(s),
      unmaskedWeight=unmasked, timesteps=[700, 1, 250])
