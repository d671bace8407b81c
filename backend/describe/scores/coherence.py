"""Coherence of groups of clips and the monosemanticity score made of two of them (Eq. 3, Eq. 4, A-27 to A-29)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from backend.describe.scores.vectors import UnitVectors
from backend.errors import ArdError

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
Sigma = Literal["pairs", "embedding"]
DEGENERATE = 1e-3


def check_group_size(p: int, sigma: Sigma, ddof: int) -> None:
    """Raise ArdError if groups of p clips have no score: no pair, or one pair where its variance needs two."""
    if p < 2:
        raise ArdError(
            f"p must be at least 2 for a score: {p} clip makes no pair",
            todo="Set retrieve.p = 4 in study.toml and run: ard retrieve",
        )
    if p == 2 and sigma == "pairs" and ddof:
        raise ArdError(
            "p = 2 gives one similarity, and scores.ddof = 1 needs two for its variance",
            todo="Set scores.ddof = 0, or retrieve.p = 4 and run: ard retrieve",
        )


def coherence(gram: Float) -> Float:
    """E_G = (1/B) Σ_{i<j} cos(e_i, e_j), B = p(p−1)/2: unordered pairs of different indices (Eq. 3, A-27).

    Parameters
    ----------
    gram : array [..., p, p]
        Cosines of all clips of a group with each other.
    """
    return np.asarray(_similarities(gram).mean(axis=-1))


def spread(gram: Float, sigma: Sigma = "pairs", ddof: int = 0) -> Float:
    """σ_G² (A-28), shape [...].

    Parameters
    ----------
    gram : array [..., p, p]
    sigma : "pairs" or "embedding"
        Variance of the B pairwise similarities; or mean squared distance of the p embeddings to their centroid,
        (1/p) Σ ‖e_i − ē‖² = (1/p) Σ ‖e_i‖² − ‖ē‖².
    ddof : int
        Of the variance of the similarities; the mean squared distance has none.
    """
    if sigma == "embedding":
        mean_square = np.trace(gram, axis1=-2, axis2=-1) / gram.shape[-1]
        return np.asarray(np.maximum(mean_square - gram.mean(axis=(-2, -1)), 0.0))
    return np.asarray(_similarities(gram).var(axis=-1, ddof=ddof))


def pooled(var_h: Float, var_l: Float) -> Float:
    """σ_pooled = √((σ_H² + σ_L²)/2) (A-28)."""
    return np.asarray(np.sqrt((var_h + var_l) / 2))


def floored_score(e_h: Float, e_l: Float, sigma: Float, floor: float) -> Float:
    """m = (E_H − E_L)/max(σ_pooled, floor) (A-29)."""
    return np.asarray((e_h - e_l) / np.maximum(sigma, floor))


def epsilon_score(e_h: Float, e_l: Float, sigma: Float, epsilon: float) -> Float:
    """m = (E_H − E_L)/(σ_pooled + ε) (Eq. 4, A-29)."""
    return np.asarray((e_h - e_l) / (sigma + epsilon))


def degenerate(sigma: Float) -> npt.NDArray[np.bool_]:
    """σ_pooled < 1e-3: the similarities hardly differ, so that Eq. 4 divides by almost nothing (A-29)."""
    return np.asarray(sigma < DEGENERATE)


def of_groups(units: UnitVectors, groups: Int, *, sigma: Sigma, ddof: int, memory: int) -> tuple[Float, Float]:
    """E_G and σ_G² of many groups.

    Parameters
    ----------
    groups : array [n, p]
        Clips with an embedding.
    memory : int
        Bytes the gathered vectors may take; at least one group is gathered.

    Returns
    -------
    e, variance : array [n]
    """
    e, variance = np.empty(len(groups)), np.empty(len(groups))
    step = max(1, units.rows_at_once(memory) // groups.shape[1])
    for low in range(0, len(groups), step):
        vectors = units.unit(groups[low : low + step])
        gram = vectors @ vectors.swapaxes(-1, -2)
        e[low : low + step], variance[low : low + step] = coherence(gram), spread(gram, sigma, ddof)
    return e, variance


def _similarities(gram: Float) -> Float:
    """The B entries above the diagonal, [..., B]."""
    first, second = np.triu_indices(gram.shape[-1], k=1)
    return gram[..., first, second]
