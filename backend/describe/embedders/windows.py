"""Clips of any length as one unit vector each, by the same windows every time (A-26).

The paper's loader crops long clips at a random place, so that the same clip has many embeddings. Here a clip's
windows follow from its length, the settings and, for `random`, its key alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.describe.embedders.base import Embedder, Vectors, Wave
from backend.errors import ArdError
from backend.study.settings import EmbedSection

SLACK_SECONDS = 1e-3
"""Excess over the window that makes no second window: rounding when a clip is resampled."""

SMALLEST_NORM = 1e-12
"""Below it a vector has no direction."""

EMPTY = "the sound is empty"
NOT_FINITE = "the sound holds NaN or infinite samples"
NO_VECTOR = "the embedder gave NaN or an all-zero vector; the sound may be too short for it"
OPPOSED = "the vectors of its windows cancel out"


@dataclass(frozen=True)
class Embedded:
    """Vectors of some clips, in order.

    Attributes
    ----------
    vectors : float32 [n, dimensions]
        Unit norm, or NaN throughout where there is none.
    reasons : tuple of str
        Per clip, why it has none; "" where it has one.
    """

    vectors: Vectors
    reasons: tuple[str, ...]


def window_starts(samples: int, window: int, section: EmbedSection, key: str, slack: int = 0) -> list[int]:
    """First samples of the windows that are taken from a clip of `samples` samples (A-26).

    mean: consecutive windows, the last one right-aligned; first, center, random: one window. The start of `random`
    is drawn uniformly from a hash of `window_seed` and `key`, so that neither order nor neighbours change it. A clip
    that is at most `slack` samples longer than the window is one window from its start.

    With a window of 7 s a clip of 10 s has windows at 0 and 3 s, one of 21 s at 0, 7 and 14 s.
    """
    excess = samples - window
    if excess <= slack or section.window == "first":
        return [0]
    if section.window == "center":
        return [excess // 2]
    if section.window == "random":
        digest = hashlib.sha256(f"{section.window_seed}:{key}".encode()).digest()
        return [int.from_bytes(digest[:8], "little") * (excess + 1) >> 64]
    return [*range(0, excess - slack, window), excess]


def cut(wave: Wave, embedder: Embedder, section: EmbedSection, key: str) -> list[Wave]:
    """The windows of a clip, none longer than the embedder's; a short clip repeated to fill one if it wants that."""
    window = round(embedder.window_seconds * embedder.sample_rate)
    if len(wave) < window:
        return [np.resize(wave, window)] if embedder.repeats_short else [wave]
    slack = round(SLACK_SECONDS * embedder.sample_rate)
    return [wave[start : start + window] for start in window_starts(len(wave), window, section, key, slack)]


def embed_clips(embedder: Embedder, waves: Iterable[Wave], section: EmbedSection, keys: Sequence[str]) -> Embedded:
    """One unit vector per clip: the mean of its windows' unit vectors, normalised again (A-26).

    Every window's vector is normalised before the mean, so that windows count alike and an embedder's lengths do not
    matter. `section.batch_clips` windows go through the embedder at once, of whichever clips they are; waves are taken
    one by one, so an iterator needs memory for one batch only.

    Parameters
    ----------
    waves : iterable of float32 [samples]
        Mono, at `embedder.sample_rate`, any length.
    keys : sequence of str
        What each clip is known by wherever it stands, e.g. its hash with its start and end; seeds `random`.

    Raises
    ------
    ArdError
        What the embedder raises, and if it answers with the wrong number or size of vectors.
    """
    sums = np.zeros((len(keys), embedder.dimensions))
    counts = np.zeros(len(keys), dtype=int)
    reasons = [""] * len(keys)
    for owners, windows in _batches(embedder, waves, section, keys, reasons):
        for clip, vector in zip(owners, unit(_asked(embedder, windows)), strict=True):
            sums[clip] += vector
            counts[clip] += 1
    means = unit(sums / np.maximum(counts, 1)[:, None])
    for row in np.flatnonzero(np.isnan(means[:, 0])):
        reasons[row] = reasons[row] or (NO_VECTOR if np.isnan(sums[row, 0]) else OPPOSED)
    return Embedded(means.astype(np.float32), tuple(reasons))


def _batches(
    embedder: Embedder, waves: Iterable[Wave], section: EmbedSection, keys: Sequence[str], reasons: list[str]
) -> Iterator[tuple[list[int], list[Wave]]]:
    """Windows of all usable clips, `batch_clips` at once, with the position of their clips; notes unusable ones."""
    owners: list[int] = []
    windows: list[Wave] = []
    for clip, (wave, key) in enumerate(zip(waves, keys, strict=True)):
        reasons[clip] = EMPTY if not len(wave) else "" if np.isfinite(wave).all() else NOT_FINITE
        if reasons[clip]:
            continue
        for window in cut(wave, embedder, section, key):
            owners.append(clip)
            windows.append(window)
            if len(windows) == section.batch_clips:
                yield owners, windows
                owners, windows = [], []
    if windows:
        yield owners, windows


def _asked(embedder: Embedder, windows: Sequence[Wave]) -> Vectors:
    found = embedder.embed_windows(windows)
    if found.shape != (len(windows), embedder.dimensions):
        raise ArdError(
            f"the embedder answered {len(windows)} windows with vectors of shape {list(found.shape)} "
            f"instead of {[len(windows), embedder.dimensions]}",
            todo="Check embed.model in study.toml; the embedder does not fit it.",
        )
    return found


def unit(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Rows [n, d] at unit norm in float64; NaN for those without a direction."""
    wide = vectors.astype(np.float64)
    norm = np.linalg.norm(wide, axis=1, keepdims=True)
    found = np.full_like(wide, np.nan)
    np.divide(wide, norm, out=found, where=np.isfinite(norm) & (norm > SMALLEST_NORM))
    return found
