"""Divide recordings between training and tests so that nothing heard in training is asked again in a test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from backend.builtin import labels
from backend.builtin.examples import Split
from backend.store.clips import tie_id

ALIKE = 0.985
"""Cosine of two sketches from which on one recording is taken for a version of the other."""

LENGTHS_ALIKE = 0.04
"""Versions differ in length by at most this share (codecs pad, and trims differ)."""

BLOCK = 1024


def near_copies(sketches: npt.NDArray[np.int8], durations: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs (i < j) of recordings that are versions of one another: sketches and lengths alike.

    Parameters
    ----------
    sketches : int8 [n, values]
    durations : float64 [n], in seconds
    """
    unit = sketches.astype(np.float32)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    pairs = []
    for start in range(0, len(unit), BLOCK):
        alike = unit[start : start + BLOCK] @ unit.T >= ALIKE
        for row, other in zip(*np.nonzero(alike), strict=True):
            i, j = int(start + row), int(other)
            longest = max(durations[i], durations[j])
            if i < j and abs(durations[i] - durations[j]) <= LENGTHS_ALIKE * longest:
                pairs.append((i, j))
    return pairs


def joined(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """The groups after those of each pair were made one, named by the first of their names in order."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            parent[group] = parent[parent[group]]
            group = parent[group]
        return group

    for i, j in pairs:
        first, second = sorted((root(groups[i]), root(groups[j])))
        parent[second] = first
    return [root(group) for group in groups]


def divide(
    groups: Sequence[str], strata: Sequence[tuple[str, str]], shippable: Sequence[bool], shares: labels.Split
) -> dict[str, Split]:
    """Split of each group: about the asked shares of every stratum's recordings, the same ones every time.

    Parameters
    ----------
    groups : [n]
        Group of each recording.
    strata : [n]
        Category and label, among which the shares are spread evenly; a group counts in its first recording's.
    shippable : [n]
        Groups of shippable recordings only are divided by `shares.shippable`, others by `shares.held_out`.

    Within a stratum groups are taken in the order of their hashes: first the held-out ones until their share of
    recordings is reached as nearly as whole groups allow, then those for validation. Neither takes more than half of
    what there is, so that what is asked about was trained on.
    """
    sizes: dict[str, int] = defaultdict(int)
    stratum: dict[str, tuple[str, str]] = {}
    for group, layer in zip(groups, strata, strict=True):
        sizes[group] += 1
        stratum.setdefault(group, layer)
    free = dict.fromkeys(sizes, True)
    for group, may in zip(groups, shippable, strict=True):
        free[group] = free[group] and may
    layers: dict[tuple[tuple[str, str], bool], list[str]] = defaultdict(list)
    for group, layer in stratum.items():
        layers[layer, free[group]].append(group)
    splits: dict[str, Split] = {}
    for ((category, _), may), members in layers.items():
        total = sum(sizes[group] for group in members)
        waiting = sorted(members, key=tie_id)
        for split, share in (
            ("held_out", shares.shippable[category] if may else shares.held_out),
            ("validation", shares.validation),
        ):
            taken = _taken(waiting, sizes, share * total)
            splits.update(dict.fromkeys(taken, split))  # type: ignore[arg-type]
            waiting = [group for group in waiting if group not in taken]
        splits.update(dict.fromkeys(waiting, "train"))
    return splits


def _taken(waiting: Sequence[str], sizes: dict[str, int], wanted: float) -> set[str]:
    taken: set[str] = set()
    count = 0
    most = sum(sizes[group] for group in waiting) / 2
    for group in waiting:
        nearer = abs(count + sizes[group] - wanted) < abs(count - wanted)
        if nearer and count + sizes[group] <= most:
            taken.add(group)
            count += sizes[group]
    return taken
