"""Which features a concept's slider drives: given, or mapped to a category by their names (A-52)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.steer.intervention import SELECTING_MODES, Intervention, Mode, Override
from backend.store.features import Columns

Map = Literal["best", "all"]
SWEEP = ("0", "1", "5", "10", "15", "20", "25", "50")
"""Absolute values of the default sweep (A-51)."""


@dataclass(frozen=True)
class FeatureSet:
    """Features that are overridden together.

    Attributes
    ----------
    name : str
    features : tuple of int
    values : tuple of float
        What "1x" means for each: as given, or the feature's maximum on the probing set.
    given : bool
        The values were given, so that "1x" alone is tried unless a grid is asked for.
    """

    name: str
    features: tuple[int, ...]
    values: tuple[float, ...]
    given: bool = False

    @property
    def kind(self) -> str:
        """ "single" or "set": the two are chosen and reported apart."""
        return "single" if len(self.features) == 1 else "set"

    def at(self, value: str) -> tuple[Override, ...]:
        """The overrides at a value of the grid: "10" sets every feature to 10, "2x" to twice its own value."""
        factor, absolute = parsed_value(value)
        values = self.values if absolute is None else (absolute,) * len(self.features)
        return tuple(Override(k, factor * v) for k, v in zip(self.features, values, strict=True))


@dataclass(frozen=True)
class Candidate:
    """A set at one value and mode, as it is tried on the selection part."""

    set: FeatureSet
    value: str
    intervention: Intervention


def candidates(
    sets: Iterable[FeatureSet], values: Sequence[str], modes: Sequence[Mode], steering: Intervention
) -> list[Candidate]:
    """Every set at every value in every mode; positions, decode and error term are those of `steering`.

    Without `values`, sets with given values are tried at them and others at the default sweep. Values below 0 are
    skipped in modes that select none.
    """
    found = []
    for one in sets:
        for value in values or (("1x",) if one.given else SWEEP):
            for mode in modes:
                intervention = _intervention(one, value, mode, steering)
                if intervention is not None:
                    found.append(Candidate(one, value, intervention))
    if not found:
        raise ArdError("there is nothing to try: no feature set at no value", todo="Give features and values.")
    return found


def _intervention(one: FeatureSet, value: str, mode: Mode, steering: Intervention) -> Intervention | None:
    overrides = one.at(value)
    if mode in SELECTING_MODES and any(override.value < 0 for override in overrides):
        return None
    return replace(steering, overrides=overrides, mode=mode)


def parsed_value(text: str) -> tuple[float, float | None]:
    """(1, v) for "10", (factor, None) for "2x"; ArdError for anything else."""
    multiple = text.strip().lower().endswith("x")
    try:
        number = float(text.strip().lower().removesuffix("x"))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ArdError(
            f"'{text}' is no value of a feature", todo='Give numbers like 10, or multiples of its maximum like "2x".'
        )
    return (number, None) if multiple else (1.0, number)


def mapped(columns: Columns, words: Iterable[str], how: Map, most: int = 64) -> list[int]:
    """Features whose names hold one of the words, the largest m first: the first of them, or all (A-52).

    Parameters
    ----------
    columns : mapping
        `backend.store.features.feature_columns`, with names and scores.
    most : int
        More are never taken as one set.

    Raises ArdError if there are no names or scores, or no name matches.
    """
    wanted = [word.strip() for word in words if word.strip()]
    if "name" not in columns or "m" not in columns:
        raise ArdError("the features have no names and scores yet", todo="Run ard describe, or give features.")
    choice = "|".join(map(re.escape, sorted(wanted, key=len, reverse=True)))
    pattern = re.compile(rf"\b(?:{choice})(?:e?s)?\b", re.IGNORECASE)
    score: npt.NDArray[np.float64] = np.asarray(columns["m"], dtype=np.float64)
    found = [k for k, name in enumerate(columns["name"]) if pattern.search(str(name)) and not math.isnan(score[k])]
    if not found:
        raise ArdError(
            f"no feature is named after {' or '.join(wanted)}",
            todo="Give features with --features, or more words with --words.",
        )
    found.sort(key=lambda k: (-score[k], k))
    return found[:1] if how == "best" else found[:most]
