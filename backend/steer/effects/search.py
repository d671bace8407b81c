"""Choosing features by what they do: singles, sets of largest class difference, sets by effect, and greedily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.steer.effects.candidates import Candidate
from backend.steer.effects.setups import Setup, Trial

GREEDY_TRIED = 8
"""Features tried in each round of the greedy search."""


@dataclass(frozen=True)
class Tried:
    """One setup that was measured, and how it was come by: "single", "difference", "effect" or "greedy"."""

    how: str
    setup: Setup


def search(
    trial: Trial, found: Sequence[Candidate], *, times: Sequence[float], sizes: Sequence[int], greedy: int
) -> list[Tried]:
    """Measure singles and sets on the trial's clips.

    Parameters
    ----------
    found : sequence of Candidate
        Those of largest class difference first.
    times : sequence of float
        Multiples of each feature's maximum.
    sizes : sequence of int
        Of the sets; one larger than the number of candidates is left out.
    greedy : int
        Most features of the greedy set; 0 for none.

    Returns
    -------
    list of Tried, in the order in which they were measured.
    """
    numbers = [one.feature for one in found]
    tried = [Tried("single", Setup((k,), t)) for k in numbers for t in times]
    tried += [Tried("difference", Setup(tuple(numbers[:n]), t)) for n in sizes if n <= len(numbers) for t in times]
    trial.measure([one.setup for one in tried])
    order = by_effect(trial, found, times)
    more = [Tried("effect", Setup(tuple(order[:n]), t)) for n in sizes if n <= len(order) for t in times]
    trial.measure([one.setup for one in more])
    tried += more
    if greedy:
        tried += _greedily(trial, order, best(trial, tried).setup.times, greedy)
    return tried


def by_effect(trial: Trial, found: Sequence[Candidate], times: Sequence[float]) -> list[int]:
    """Features by the largest share of clips that each shifts alone; equal ones by class difference."""
    effect = {one.feature: max(trial.share(Setup((one.feature,), t).key).count for t in times) for one in found}
    return sorted(effect, key=lambda k: -effect[k])


def best(trial: Trial, tried: Sequence[Tried], how: str = "") -> Tried:
    """The setup that shifts most clips; of equal ones that of fewest features, then of the smallest values."""
    own = [one for one in tried if not how or one.how == how]
    return min(own, key=lambda one: (-trial.share(one.setup.key).count, len(one.setup.features), one.setup.times))


def _greedily(trial: Trial, order: Sequence[int], times: float, most: int) -> list[Tried]:
    """Add the feature that raises the share most, as long as one does; of equal ones the one of larger effect."""
    chosen: tuple[int, ...] = order[:1] and (order[0],)
    tried: list[Tried] = []
    while chosen and len(chosen) < most:
        rest = [k for k in order if k not in chosen][:GREEDY_TRIED]
        offers = [Setup((*chosen, k), times) for k in rest]
        if not offers:
            break
        trial.measure(offers)
        winner = max(offers, key=lambda one: trial.share(one.key).count)
        if trial.share(winner.key).count <= trial.share(Setup(chosen, times).key).count:
            break
        chosen = winner.features
        tried.append(Tried("greedy", winner))
    return tried
