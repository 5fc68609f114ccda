"""Noise schedules, and samplers step by step with given model outputs and given noise."""

from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from diffusers import EulerAncestralDiscreteScheduler, EulerDiscreteScheduler
from diffusers.schedulers import scheduling_ddpm, scheduling_euler_ancestral_discrete
import torch

from fixture import Fixture, nhwc

# scheduler_config.json of SD 1.x; 2.x differs by the prediction type.
SD1 = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000,
           clip_sample=False, set_alpha_to_one=False, steps_offset=1)


def make(seed, c):
  return [schedules(seed, c), samplers(seed, c)]


def config_of(scheduler):
  """What its `scheduler_config.json` would say, without the infinities that are no JSON."""
  fields = {k: v for k, v in scheduler.config.items() if not k.startswith("_") and v != float("-inf")}
  return {"_class_name": type(scheduler).__name__} | fields


def schedules(seed, c):
  f = Fixture("schedules", seed)
  for name, kind, start, end in [("scaled_linear", "scaled_linear", 0.00085, 0.012), ("linear", "linear", 1e-4, 0.02),
                                 ("squaredcos", "squaredcos_cap_v2", 1e-4, 0.02)]:
    s = DDPMScheduler(num_train_timesteps=1000, beta_schedule=kind, beta_start=start, beta_end=end)
    times = [0, 1, 250, 998, 999]
    x, noise = f.normal(len(times), 2, 3, 4).float(), f.normal(len(times), 2, 3, 4).float()
    t = torch.tensor(times)
    f.case(name, {"betas": s.betas, "alphas_cumprod": s.alphas_cumprod, "noisy": s.add_noise(x, noise, t),
                  "velocity": s.get_velocity(x, noise, t)}, {"x": x, "noise": noise}, to_file=lambda x: x,
           scheduler=config_of(s), timesteps=times)
  return f


def samplers(seed, c):
  f = Fixture("samplers", seed)
  kinds = [
    ("ddpm", DDPMScheduler, {}), ("ddim", DDIMScheduler, {}), ("euler", EulerDiscreteScheduler, {}),
    ("euler_leading", EulerDiscreteScheduler, dict(timestep_spacing="leading")),
    ("euler_ancestral", EulerAncestralDiscreteScheduler, {}),
    ("euler_ancestral_leading", EulerAncestralDiscreteScheduler, dict(timestep_spacing="leading")),
    ("dpmpp_2m_karras", DPMSolverMultistepScheduler, dict(use_karras_sigmas=True)),
  ]
  for name, kind, more in kinds:
    for prediction in ["epsilon", "v_prediction"]:
      for steps in [4, 7, 20]:
        run(f, f"{name}_{prediction}_{steps}", kind, more | dict(prediction_type=prediction), steps)
  return f


def run(f, name, kind, more, steps):
  s = kind.from_config(SD1 | more)
  s.set_timesteps(steps)
  shape = (1, 4, 3, 2)
  normal = lambda: f.normal(*shape).float()
  noise = [normal() for _ in s.timesteps]
  outputs = [normal() for _ in s.timesteps]
  start = normal()
  x = start * s.init_noise_sigma
  samples, scaled = [x], []
  for t, output, n in zip(s.timesteps, outputs, noise):
    give = lambda *a, **k: n
    scheduling_ddpm.randn_tensor = scheduling_euler_ancestral_discrete.randn_tensor = give
    scaled.append(s.scale_model_input(x, t))  # what the model would see
    x = s.step(output, t, x).prev_sample
    samples.append(x)
  stack = lambda rows: torch.stack([nhwc(r)[0] for r in rows])  # [step, H, W, C]
  tensors = {"samples": stack(samples), "inputs": stack(scaled), "timesteps": s.timesteps.float()}
  if hasattr(s, "sigmas"):
    tensors["sigmas"] = s.sigmas
  f.case(name, tensors, {"start": stack([start]), "modelOutputs": stack(outputs), "noise": stack(noise)},
         sampler=name.split("_epsilon")[0].split("_v_prediction")[0], prediction=more["prediction_type"], steps=steps,
         initNoiseSigma=float(s.init_noise_sigma), scheduler=config_of(s))
