"""Does a target keep its promises? For whoever adds a model, and for ARD's own tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from backend.targets.base import Encoded, Target, Wave

TOLERANCE = 1e-5


def sample_clips(sample_rate: int, window_seconds: float) -> list[Wave]:
    """Noise of several lengths, one of no samples, one of one sample, one longer than the window."""
    generator = np.random.default_rng(0)
    seconds = (1.0, 0.5, 0.0, 0.7, min(2.0, window_seconds), window_seconds + 1.0)
    counts = [round(s * sample_rate) for s in seconds] + [1]
    return [(0.1 * generator.standard_normal(n)).astype(np.float32) for n in counts]


def check_target(target: Target, clips: Sequence[Wave] | None = None) -> list[str]:
    """What `target` promises and does not keep, one sentence each; empty if all is well.

    Checked at the first and last block of every stack, all in one call: T as `token_count` says, d as
    `width` says, finite values, one pair of seconds for each position in order, no token for a clip
    without samples, and a batch that gives what its clips give alone (relative difference of at most
    1e-5; run it in float32).
    """
    if clips is None:
        clips = sample_clips(target.sample_rate, target.window_seconds)
    layers = [f"{stack}.{block}" for stack, n in target.stacks().items() for block in sorted({0, n - 1})]
    problems: list[str] = []
    batch = target.encode(clips, layers)
    if len(batch) != len(clips):
        return [f"encode gave {len(batch)} results for {len(clips)} clips"]
    for clip, together in zip(clips, batch, strict=True):
        (alone,) = target.encode([clip], layers)
        for layer in layers:
            where = f"{layer}, clip of {len(clip)} samples"
            problems += [f"{where}: {text}" for text in _check(target, len(clip), layer, together, alone)]
    return problems


def _check(target: Target, samples: int, layer: str, together: Encoded, alone: Encoded) -> list[str]:
    x, expected = together.x[layer], target.token_count(samples, layer)
    seconds, _ = together.times(layer)
    found: list[str] = []
    if x.ndim != 2 or x.shape[1] != target.width(layer):
        return [f"x has the shape {tuple(x.shape)}, expected [T, {target.width(layer)}]"]
    if expected is not None and len(x) != expected:
        found.append(f"T is {len(x)}, token_count says {expected}")
    if samples == 0 and len(x) > 0:
        found.append("a clip without samples has tokens")
    if not bool(torch.isfinite(x).all()):
        found.append("x is not finite")
    if seconds.shape != (len(x), 2):
        found.append(f"seconds has the shape {seconds.shape}, expected ({len(x)}, 2)")
    timed = seconds[~np.isnan(seconds).any(axis=1)] if seconds.ndim == 2 else seconds
    if len(timed) and (np.any(timed[:, 1] < timed[:, 0]) or np.any(np.diff(timed[:, 0]) < 0) or timed[0, 0] < 0):
        found.append("seconds are out of order")
    if alone.x[layer].shape != x.shape:
        found.append(f"T is {len(x)} in a batch and {len(alone.x[layer])} alone")
    elif len(x) and relative_difference(x, alone.x[layer]) > TOLERANCE:
        found.append(f"in a batch x differs by {relative_difference(x, alone.x[layer]):.1e} from x alone")
    return found


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """‖a - b‖ / ‖b‖ over all positions, in float32."""
    return float((a.float() - b.float()).norm() / b.float().norm().clamp_min(1e-12))
