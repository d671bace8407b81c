"""Choosing features by what they do: singles, sets of largest class difference, sets by effect, and greedily."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.steer.effects.candidates import Candidate
from backend.steer.effects.setups import Setup, Trial

NEARLY = 0.95
GREEDY_TRIED = 4
"""Features tried in each round of the greedy search."""


@dataclass(frozen=True)
class Tried:
    """One setup that was measured, and how it was come by: "single", "difference", "effect" or "greedy"."""

    how: str
    setup: Setup


def search(
    trial: Trial,
    found: Sequence[Candidate],
    *,
    times: Sequence[float],
    sizes: Sequence[int],
    set_times: Sequence[float],
    greedy: int,
) -> list[Tried]:
    """Measure singles and sets on the trial's clips.

    Parameters
    ----------
    found : sequence of Candidate
        Those of largest class difference first.
    times, set_times : sequence of float
        Multiples of each feature's maximum, for single features and for sets.
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
    tried += [Tried("difference", Setup(tuple(numbers[:n]), t)) for n in sizes if n <= len(numbers) for t in set_times]
    trial.measure([one.setup for one in tried])
    order = by_effect(trial, found, times)
    more = [Tried("effect", Setup(tuple(order[:n]), t)) for n in sizes if n <= len(order) for t in set_times]
    trial.measure([one.setup for one in more])
    tried += more
    if greedy:
        # at the dose that did best so far, at which no feature need have been tried alone
        tried += _greedily(trial, order, best(trial, tried).setup.times, greedy)
    return tried


def by_effect(trial: Trial, found: Sequence[Candidate], times: Sequence[float]) -> list[int]:
    """Features by the largest share of clips that each shifts alone; equal ones by class difference."""
    effect = {one.feature: max(trial.share(Setup((one.feature,), t).key).count for t in times) for one in found}
    return sorted(effect, key=lambda k: -effect[k])


def best(trial: Trial, tried: Sequence[Tried], how: str = "") -> Tried:
    """Of the setups that shift nearly (`NEARLY`) as many clips as any does, the one that moves x least.

    Whatever moves x far enough changes answers: a small displacement is what tells a feature from a random one.
    """
    own = [one for one in tried if not how or one.how == how]
    most = max(trial.share(one.setup.key).count for one in own)
    good = [one for one in own if trial.share(one.setup.key).count >= NEARLY * most]
    return min(good, key=lambda one: (trial.displacement(one.setup.key), len(one.setup.features)))


def _greedily(trial: Trial, order: Sequence[int], times: float, most: int) -> list[Tried]:
    """Add the feature that raises the share most, as long as one does; of equal ones the one of larger effect."""
    chosen = Setup((order[0],), times)
    trial.measure([chosen])
    tried = [Tried("greedy", chosen)]
    while len(chosen.features) < most:
        rest = [k for k in order if k not in chosen.features][:GREEDY_TRIED]
        offers = [Setup((*chosen.features, k), times) for k in rest]
        if not offers:
            break
        trial.measure(offers)
        winner = max(offers, key=lambda one: trial.share(one.key).count)
        if trial.share(winner.key).count <= trial.share(chosen.key).count:
            break
        chosen = winner
        tried.append(Tried("greedy", chosen))
    return tried
