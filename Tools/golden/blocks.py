"""Each block class of diffusers and transformers the models are made of."""

from diffusers.models.attention import BasicTransformerBlock, FeedForward
from diffusers.models.attention_processor import Attention
from diffusers.models.downsampling import Downsample2D
from diffusers.models.embeddings import TimestepEmbedding, get_timestep_embedding
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from diffusers.models.unets.unet_2d_blocks import (
  CrossAttnDownBlock2D, CrossAttnUpBlock2D, DownBlock2D, UNetMidBlock2D, UNetMidBlock2DCrossAttn, UpBlock2D)
from diffusers.models.upsampling import Upsample2D
import torch
from transformers import CLIPTextConfig
from transformers.models.clip.modeling_clip import CLIPEncoderLayer

from fixture import Fixture, nhwc

UNET = dict(resnet_eps=1e-5)
VAE = dict(resnet_eps=1e-6)


def channels_last(x):
  return nhwc(x) if x.ndim == 4 else x


def make(seed, c):
  return [small(seed, c), unet_down(seed, c), unet_up(seed, c), vae(seed, c), clip(seed, c)]


def images(f, c, channels, scale=1):
  h, w = c["side"]
  return f.normal(c["batch"], channels, h // scale, w // scale)


def small(seed, c):
  f = Fixture("blocks_small", seed)
  g, d, t, batch = c["groups"], c["context"], c["time"], c["batch"]
  a, b = c["channels"][0], c["channels"][1]
  for name, i, o, time, eps in [("same", b, b, t, 1e-5), ("widen", a, b, t, 1e-5), ("narrow", b, a, t, 1e-5),
                                ("vae", a, b, None, 1e-6)]:
    m = f.randomize(ResnetBlock2D(in_channels=i, out_channels=o, temb_channels=time, groups=g, eps=eps))
    inputs = {"x": images(f, c, i)} | ({"t": f.normal(batch, time)} if time else {})
    f.module(f"resnet_{name}", m, lambda x, t=None: m(x, t), inputs, channels_last,
             **{"class": "ResnetBlock2D"}, config=dict(cIn=i, cOut=o, time=time, groups=g, eps=eps))
  for linear in [False, True]:
    m = f.randomize(Transformer2DModel(c["heads"], b // c["heads"], in_channels=b, norm_num_groups=g,
                                       cross_attention_dim=d, use_linear_projection=linear))
    f.module(f"transformer_{'linear' if linear else 'conv'}", m,
             lambda x, context: m(x, encoder_hidden_states=context).sample,
             {"x": images(f, c, b, 2), "context": f.normal(batch, c["tokens"], d)}, channels_last,
             **{"class": "Transformer2DModel"},
             config=dict(channels=b, heads=c["heads"], groups=g, context=d, linear=linear))
  m = f.randomize(BasicTransformerBlock(b, c["heads"], b // c["heads"], cross_attention_dim=d))
  f.module("basic_transformer", m, lambda x, context: m(x, encoder_hidden_states=context),
           {"x": f.normal(batch, 11, b), "context": f.normal(batch, c["tokens"], d)},
           **{"class": "BasicTransformerBlock"}, config=dict(channels=b, heads=c["heads"], context=d))
  m = f.randomize(Attention(b, cross_attention_dim=d, heads=c["heads"], dim_head=b // c["heads"]))
  f.module("attention_cross", m, lambda x, context: m(x, encoder_hidden_states=context),
           {"x": f.normal(batch, 9, b), "context": f.normal(batch, c["tokens"], d)},
           **{"class": "Attention"}, config=dict(channels=b, heads=c["heads"], context=d))
  m = f.randomize(FeedForward(b))
  f.module("feed_forward", m, lambda x: m(x), {"x": f.normal(batch, 9, b)},
           **{"class": "FeedForward"}, config=dict(channels=b))
  for name, padding, size in [("unet", 1, (8, 6)), ("unet_odd", 1, (7, 5)), ("vae", 0, (8, 6)), ("vae_odd", 0, (7, 9))]:
    m = f.randomize(Downsample2D(a, use_conv=True, out_channels=a, padding=padding, name="op"))
    f.module(f"downsample_{name}", m, lambda x: m(x), {"x": f.normal(batch, a, *size)}, channels_last,
             **{"class": "Downsample2D"}, config=dict(channels=a, padding=padding))
  m = f.randomize(Upsample2D(b, use_conv=True, out_channels=b))
  f.module("upsample", m, lambda x: m(x), {"x": f.normal(batch, b, 3, 5)}, channels_last,
           **{"class": "Upsample2D"}, config=dict(channels=b))
  times = [0.0, 1.0, 17.0, 500.25, 999.0]
  for channels in [a, 32]:
    m = f.randomize(TimestepEmbedding(channels, t))
    sinusoids = get_timestep_embedding(torch.tensor(times), channels, flip_sin_to_cos=True, downscale_freq_shift=0)
    f.module(f"timestep_embedding_{channels}", m, lambda: m(sinusoids.double()), {},
             **{"class": "TimestepEmbedding"}, config=dict(channels=channels, time=t), timesteps=times)
  return f


def unet_down(seed, c):
  f = Fixture("blocks_unet_down", seed)
  g, d, t, batch = c["groups"], c["context"], c["time"], c["batch"]
  a, b, context = c["channels"][0], c["channels"][1], lambda: f.normal(batch, c["tokens"], d)
  for name, down, linear in [("middle", True, False), ("last", False, True)]:
    m = f.randomize(CrossAttnDownBlock2D(
      in_channels=a, out_channels=b, temb_channels=t, num_layers=c["layers"], resnet_groups=g, add_downsample=down,
      num_attention_heads=c["heads"], cross_attention_dim=d, use_linear_projection=linear, **UNET))
    f.module(f"cross_attn_down_{name}", m, lambda x, t, context: [(r := m(x, t, context))[0], *r[1]],
             {"x": images(f, c, a), "t": f.normal(batch, t), "context": context()}, channels_last,
             **{"class": "CrossAttnDownBlock2D"},
             config=dict(cIn=a, cOut=b, time=t, layers=c["layers"], groups=g, heads=c["heads"], context=d,
                         linear=linear, downsample=down))
  for name, down in [("middle", True), ("last", False)]:
    m = f.randomize(DownBlock2D(in_channels=a, out_channels=b, temb_channels=t, num_layers=c["layers"],
                                resnet_groups=g, add_downsample=down, **UNET))
    f.module(f"down_{name}", m, lambda x, t: [(r := m(x, t))[0], *r[1]],
             {"x": images(f, c, a), "t": f.normal(batch, t)}, channels_last, **{"class": "DownBlock2D"},
             config=dict(cIn=a, cOut=b, time=t, layers=c["layers"], groups=g, downsample=down))
  for linear in [False, True]:
    m = f.randomize(UNetMidBlock2DCrossAttn(
      in_channels=b, temb_channels=t, resnet_groups=g, num_attention_heads=c["heads"], cross_attention_dim=d,
      use_linear_projection=linear, **UNET))
    f.module(f"mid_{'linear' if linear else 'conv'}", m, lambda x, t, context: m(x, t, context),
             {"x": images(f, c, b, 2), "t": f.normal(batch, t), "context": context()}, channels_last,
             **{"class": "UNetMidBlock2DCrossAttn"},
             config=dict(channels=b, time=t, groups=g, heads=c["heads"], context=d, linear=linear))
  return f


def unet_up(seed, c):
  f = Fixture("blocks_unet_up", seed)
  g, d, t, batch = c["groups"], c["context"], c["time"], c["batch"]
  a, b = c["channels"][0], c["channels"][1]
  # cOut, channels of the block before, channels of the outermost skip
  for name, out, prev, skip, up, linear in [("middle", b, b, a, True, False), ("last", a, b, a, False, True)]:
    layers = c["layers"] + 1
    widths = [out] * (layers - 1) + [skip]  # of the skips, in the order they are used
    shared = dict(in_channels=skip, out_channels=out, prev_output_channel=prev, temb_channels=t, num_layers=layers,
                  resnet_groups=g, add_upsample=up, **UNET)
    config = dict(cIn=skip, cOut=out, prev=prev, time=t, layers=layers, groups=g, upsample=up)
    skips = lambda: {f"skip{i}": images(f, c, w, 2) for i, w in enumerate(widths)}
    m = f.randomize(CrossAttnUpBlock2D(num_attention_heads=c["heads"], cross_attention_dim=d,
                                       use_linear_projection=linear, **shared))
    f.module(f"cross_attn_up_{name}", m,
             # diffusers pops the skips from the end
             lambda x, t, context, **s: m(x, tuple(reversed(s.values())), t, context),
             {"x": images(f, c, prev, 2), "t": f.normal(batch, t),
              "context": f.normal(batch, c["tokens"], d)} | skips(),
             channels_last, **{"class": "CrossAttnUpBlock2D"},
             config=config | dict(heads=c["heads"], context=d, linear=linear))
    n = f.randomize(UpBlock2D(**shared))
    f.module(f"up_{name}", n, lambda x, t, **s: n(x, tuple(reversed(s.values())), t),
             {"x": images(f, c, prev, 2), "t": f.normal(batch, t)} | skips(), channels_last,
             **{"class": "UpBlock2D"}, config=config)
  return f


def vae(seed, c):
  f = Fixture("blocks_vae", seed)
  g, b = c["groups"], c["vae_channels"][-1]
  m = f.randomize(UNetMidBlock2D(in_channels=b, temb_channels=None, resnet_groups=g, attention_head_dim=b, **VAE))
  f.module("vae_mid", m, lambda x: m(x), {"x": images(f, c, b, 2)}, channels_last, **{"class": "VAEMidBlock"},
           config=dict(channels=b, groups=g))
  return f


def clip(seed, c):
  f = Fixture("blocks_clip", seed)
  t = c["text"]
  for activation in ["quick_gelu", "gelu"]:
    for causal in [True, False]:
      config = CLIPTextConfig(hidden_size=t["width"], intermediate_size=t["inner"], num_attention_heads=t["heads"],
                              hidden_act=activation, attn_implementation="sdpa")
      m = f.randomize(CLIPEncoderLayer(config))
      f.module(f"clip_layer_{activation}_{'causal' if causal else 'full'}", m,
               lambda x: m(x, None, is_causal=causal), {"x": f.normal(c["batch"], t["tokens"], t["width"])},
               **{"class": "CLIPEncoderLayer"},
               config=dict(width=t["width"], inner=t["inner"], heads=t["heads"], activation=activation, causal=causal))
  return f
