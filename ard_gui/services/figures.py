"""How the numbers of a feature are called, what they mean, and which result they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ard_gui.services.feature_lines import Figure, Kind
from backend.export import wording
from backend.store.scores import COLUMNS as SCORES

HEADER: dict[str, tuple[str, str]] = {
    "status": ("status", "ok, insufficient (fewer active clips than H needs) or dead (never active)"),
    "m": ("m", "monosemanticity, (E_H − E_L) / σ with a floor under σ (A-29)"),
    "rank": ("rank", "place among all features by the score, 0 for the best (A-30)"),
    "detection": ("detection", "balanced accuracy at finding the feature's clips by its name alone (P-10)"),
    "support": ("support", "clips with an active token"),
    "frequency": ("frequency", "share of all tokens at which the feature is active"),
    "mean": ("mean z", "mean activation over all tokens"),
    "mean_active": ("mean active z", "mean activation over the active tokens"),
    "max": ("max z", "largest activation"),
    "max_score": ("max score", "largest score of a clip"),
}
"""Column: label and meaning."""

BREAKDOWN: dict[str, tuple[str, str]] = {
    "e_h": ("E_H", "mean cosine of the pairs within H, the most representative clips (A-27)"),
    "e_l": ("E_L", "mean cosine of the pairs within L, the least representative clips (A-27)"),
    "sigma": ("σ", "pooled standard deviation of both groups' cosines (A-28)"),
    "m": ("m", "(E_H − E_L) / σ with a floor under σ (A-29)"),
    "m_redraw_mean": ("m, re-drawn", "mean of m over other draws of L among the clips of equal score (A-24)"),
    "m_redraw_sd": ("± re-draws", "standard deviation of m over these draws (A-24)"),
    "m_control": ("m of random clips", "the same score of random clips in place of H: what it is worth alone (A-31)"),
    "m_epsilon": ("m, Eq. 4", "the score as the paper prints it, without a floor (A-29)"),
    "e_l_expected": ("E_L expected", "E_L over all clips of score 0 instead of a draw (A-24)"),
    "m_expected": ("m expected", "m with that E_L (A-24)"),
    "weighted": ("weighted", "mean cosine of all pairs of clips, weighted by their activations (A-32)"),
    "var_h": ("σ_H²", "variance within H (A-28)"),
    "var_l": ("σ_L²", "variance within L (A-28)"),
    "rank": ("rank", "place among all features by the score, 0 for the best (A-30)"),
    "degenerate": ("degenerate", "σ is below 0.001: the score divides by almost nothing (A-29)"),
}

OF_CONCEPTS = ("name", "name_status", "detection")


def kind_of(column: str) -> Kind:
    """Which result a column belongs to."""
    if column in OF_CONCEPTS:
        return "concepts"
    return "scores" if column in SCORES else "retrieval"


def figures(
    columns: Mapping[str, npt.NDArray[Any]], feature: int, wanted: Mapping[str, tuple[str, str]]
) -> tuple[Figure, ...]:
    """The `wanted` figures of one feature, as far as there are such columns."""
    return tuple(
        Figure(name, label, _text(name, columns[name][feature]), told, kind_of(name))
        for name, (label, told) in wanted.items()
        if name in columns
    )


def _text(name: str, value: Any) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    if name == "rank" and plain < 0:
        return "–"
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    return wording.number(plain)
