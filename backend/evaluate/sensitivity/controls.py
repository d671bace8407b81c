"""What a sensitivity must be compared with: random features and raw units that move x as far (A-53, A-55)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.steer.intervention import Intervention, Override

RANDOM_SETS = 20


def random_sets(chosen: Intervention, alive: Sequence[int], count: int, seed: int) -> list[Intervention]:
    """`count` sets of as many other features, with the chosen set's values in a random order.

    Features are drawn without replacement from those that are alive on the probing set and not in the chosen set. The
    values are what `matching.matched` scales.

    Raises ArdError if fewer are alive than one set needs.
    """
    pool = sorted(set(alive) - set(chosen.features))
    size = len(chosen.features)
    if len(pool) < size:
        raise ArdError(
            f"only {len(pool)} other features are alive, too few for random sets of {size}",
            todo="Use a smaller set, or --random-sets 0.",
        )
    # whatever the values come to, the same seed draws the same features
    dice = Random(f"{seed} {sorted(chosen.features)}")
    found = []
    for _ in range(count):
        features, values = dice.sample(pool, size), dice.sample(list(chosen.values), size)
        overrides = tuple(Override(k, v) for k, v in zip(features, values, strict=True))
        found.append(_with(chosen, overrides))
    return found


def unit_set(chosen: Intervention, target: Tensor, others: Tensor) -> tuple[Intervention, tuple[float, ...]]:
    """As many raw units as the chosen set has features, and the values from which they are moved (A-53).

    Parameters
    ----------
    target, others : tensor [n, d]
        Mean residual stream over the audio positions of selection clips of the target and of other labels.

    Units are those of largest |difference of means| / standard deviation. Each is set to v = c + s·(mean of the
    target − c) with c its mean over the other clips; `matching.matched` finds s.
    """
    mean, rest = target.double().mean(dim=0), others.double().mean(dim=0)
    spread = torch.cat([target - target.mean(dim=0), others - others.mean(dim=0)]).double().pow(2).mean(dim=0).sqrt()
    separation = (mean - rest).abs() / spread.clamp(min=1e-9)
    units = torch.topk(separation, min(len(chosen.features), len(mean))).indices.tolist()
    overrides = tuple(Override(k, float(mean[k])) for k in units)
    control = Intervention(overrides, "delta", chosen.positions, chosen.decode)
    return control, tuple(float(rest[k]) for k in units)


def _with(chosen: Intervention, overrides: tuple[Override, ...]) -> Intervention:
    return Intervention(overrides, chosen.mode, chosen.positions, chosen.decode, chosen.add_error)
