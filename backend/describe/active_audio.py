"""What lies under a feature's active tokens, cut out and joined (S-42)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Wave = npt.NDArray[np.float32]

CHUNK_SECONDS = 2.0
LEAST_SECONDS = 1.0
"""A shorter rest behind the last whole chunk is left out."""
MOST_CHUNKS = 10


@dataclass(frozen=True)
class ActiveAudio:
    """The audible part of a feature, for captioners that take a whole and for those that take pieces.

    Attributes
    ----------
    wave : float32 [n]
        All active parts one after another, at most `MOST_CHUNKS` chunks long (20 s).
    chunks : list of float32 [m]
        The same in pieces of 2 s. A rest of at least 1 s is the last piece, filled up with silence; a shorter one is
        in `wave` only, so that less than 1 s of active sound gives no piece.
    """

    wave: Wave
    chunks: list[Wave]


def active_part(
    wave: Wave,
    rate: int,
    seconds: npt.NDArray[np.float64],
    token: npt.NDArray[np.integer],
    value: npt.NDArray[np.floating],
    *,
    above: float = 0.1,
) -> Wave:
    """The samples of one clip that lie under active tokens, in their order in the clip.

    Parameters
    ----------
    wave : float32 [n]
        The clip, mono, at `rate` hertz.
    seconds : array [T, 2]
        Start and end of each token in seconds of the clip; a token takes the samples [round(start·rate),
        round(end·rate)). NaN marks a token without time, which has no sound.
    token, value : array [n]
        The feature's trace: positions in `seconds`, and activations there.
    above : float
        A token is active if its value is greater than this.

    Samples under several tokens come once; what reaches beyond the clip's end is left out.
    """
    chosen = seconds[token[value > above]]
    chosen = chosen[np.isfinite(chosen).all(axis=1)]
    edges = np.clip(np.rint(chosen * rate), 0, len(wave)).astype(np.int64)
    inside = np.zeros(len(wave), dtype=bool)
    for first, last in edges:
        inside[first:last] = True
    return wave[inside]


def join_active(parts: Sequence[Wave], rate: int) -> ActiveAudio:
    """The active parts of a feature's clips (one or several) as one sound and in chunks.

    Parameters
    ----------
    parts : sequence of float32 [n]
        From `active_part`, at `rate` hertz, the best clip first: what exceeds ten chunks is left out.
    """
    size = round(CHUNK_SECONDS * rate)
    whole = np.concatenate([np.zeros(0, dtype=np.float32), *parts])[: MOST_CHUNKS * size]
    chunks = [whole[first : first + size] for first in range(0, len(whole), size)]
    if chunks and len(chunks[-1]) < size:
        rest = chunks.pop()
        if len(rest) >= round(LEAST_SECONDS * rate):
            chunks.append(np.pad(rest, (0, size - len(rest))))
    return ActiveAudio(whole, chunks)
