"""Named configurations. Every test reads its shapes from the fixtures, so each of these must pass."""

CONFIGS = {
  # channels 4 and 8 in 4 groups: the smallest network that takes every path
  "tiny": dict(
    channels=[4, 8], groups=4, layers=2, latents=4, context=6, tokens=7, time=16, heads=2, head_list=[2, 4],
    side=(8, 6), batch=2, vae_channels=[4, 8], vae_layers=1, image=(8, 8),
    text=dict(width=8, heads=2, layers=2, inner=20, tokens=9, vocab=40),
    vision=dict(width=12, heads=3, layers=2, inner=16, image=12, patch=4), projection=5, spread=1),
  # three levels, uneven widths, other group counts
  "uneven": dict(
    channels=[6, 12, 12], groups=3, layers=1, latents=4, context=10, tokens=5, time=24, heads=3, head_list=[1, 2, 4],
    side=(8, 12), batch=3, vae_channels=[6, 6, 12], vae_layers=2, image=(12, 8),
    text=dict(width=12, heads=3, layers=3, inner=28, tokens=6, vocab=53),
    vision=dict(width=10, heads=2, layers=1, inner=30, image=15, patch=5), projection=8, spread=2),
}
