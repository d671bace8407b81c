"""Embeddings as unit vectors, made in float64 only for the clips that are looked at."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
SMALLEST, LARGEST = 1e-300, 1e300  # beyond these a norm or its inverse overflows
CACHE = 2**20  # gathered rows that stay in the processor's cache: 256 MiB at once took fifteen times as long


class UnitVectors:
    """L2-normalised embeddings of the clips of the table.

    The matrix is kept as it came and its norms once beside it: a normalised copy in float64 would take as much memory
    again twice over, one in float32 would bring rounding into sums of many cosines.

    Parameters
    ----------
    vectors : float array [N, d]
        One row per clip; NaN, infinity or all zeros where a clip has no embedding.

    Attributes
    ----------
    scale : float64 array [N]
        1/‖v‖; 0 for a clip without an embedding.
    known : bool array [N]
        Clips with an embedding.

    Raises ArdError if it is no matrix of floating-point numbers.
    """

    def __init__(self, vectors: npt.NDArray[Any]) -> None:
        if vectors.ndim != 2 or not np.issubdtype(vectors.dtype, np.floating):
            raise ArdError(
                f"embeddings must be one vector per clip, not {vectors.dtype} {list(vectors.shape)}",
                todo="Embed the clips again: ard describe",
            )
        self.vectors = vectors
        self.dimension = int(vectors.shape[1])
        norm = np.empty(len(vectors))
        step = self.rows_at_once(CACHE)
        for low in range(0, len(vectors), step):
            block = vectors[low : low + step].astype(np.float64)
            largest = np.abs(block).max(axis=1, initial=0.0)
            whole = (largest > SMALLEST) & (largest < LARGEST)
            largest[~whole] = 1.0
            block[~whole] = 0.0
            norm[low : low + step] = largest * np.sqrt(np.square(block / largest[:, None]).sum(axis=1))
        self.known = norm > 0
        self.scale = np.zeros(len(vectors))
        self.scale[self.known] = 1.0 / norm[self.known]

    def __len__(self) -> int:
        return len(self.vectors)

    def rows_at_once(self, memory: int) -> int:
        """Rows to gather at once, as they came and as float64, within `memory` bytes; at least one."""
        return max(1, min(memory, CACHE) // max(1, self.dimension * (self.vectors.dtype.itemsize + 8)))

    def unit(self, clips: Int) -> Float:
        """Unit vectors of clips with an embedding, [..., d]."""
        return np.asarray(self.raw(clips).astype(np.float64) * self.scale[clips][..., None])

    def raw(self, clips: Int) -> npt.NDArray[Any]:
        """Rows as they came, [..., d]; `scale` makes them unit vectors."""
        return np.asarray(np.take(self.vectors, clips, axis=0))

    def total(self, clips: Int, memory: int = CACHE) -> Float:
        """Sum of the unit vectors of clips with an embedding, [d]."""
        total, step = np.zeros(self.dimension), self.rows_at_once(memory)
        for low in range(0, len(clips), step):
            part = clips[low : low + step]
            total += self.scale[part] @ self.raw(part).astype(np.float64)
        return total
