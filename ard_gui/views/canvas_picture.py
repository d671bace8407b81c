"""Spectrograms and traces as pixels: numpy makes the columns of the screen, Qt only shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PySide6.QtGui import QImage

from ard_gui.services.mel_pictures import FLOOR_DB, MelPicture
from backend.export.colours import magma

Float = npt.NDArray[np.float64]
SHADES = 256


@dataclass(frozen=True)
class Trace:
    """One feature's activation over a clip.

    Attributes
    ----------
    label : str
    colour : str
    start, end : float [n]
        Seconds of the clip of each active token; NaN where a token has no time (a token of text).
    value : float [n]
        z there.
    """

    label: str
    colour: str
    start: Float
    end: Float
    value: Float

    @property
    def timed(self) -> npt.NDArray[np.bool_]:
        """Which tokens have a time, [n]."""
        return np.isfinite(self.start) & np.isfinite(self.end)


@lru_cache(maxsize=4)
def colour_table(_name: str = "magma") -> npt.NDArray[np.uint32]:
    """`SHADES` colours from quiet to loud, 0xffRRGGBB."""
    red, green, blue = magma(SHADES).astype(np.uint32).T
    found: npt.NDArray[np.uint32] = (0xFF000000 | red << 16 | green << 8 | blue).astype(np.uint32)
    found.flags.writeable = False
    return found


def mel_image(
    pictures: Sequence[MelPicture], first: float, last: float, width: int, height: int, range_db: float, table: str
) -> QImage:
    """Seconds `first` … `last` on `width` × `height` pixels, 0 hertz below; a later picture lies on the earlier ones.

    Where several columns fall on a pixel the loudest counts, where one covers several pixels they blend.
    """
    level = np.full((len(pictures[0].db), width), FLOOR_DB, np.float32)
    for one in pictures:
        _lay(level, one, first, last)
    shade = np.clip((level / range_db + 1) * (SHADES - 1), 0, SHADES - 1)
    rows = _stretched(shade, height)[::-1]
    colours = colour_table(table)[np.rint(rows).astype(np.intp)]
    image = QImage(np.ascontiguousarray(colours).data, width, height, 4 * width, QImage.Format.Format_RGB32)
    return image.copy()


def _lay(level: npt.NDArray[np.float32], picture: MelPicture, first: float, last: float) -> None:
    """Write a picture's columns into those pixel columns of `level` [bins, width] that it covers."""
    width, count = level.shape[1], picture.db.shape[1]
    per_column = (picture.end - picture.start) / count
    edges = (first + (last - first) * np.arange(width + 1) / width - picture.start) / per_column
    centres = (edges[:-1] + edges[1:]) / 2
    inside = np.flatnonzero((centres >= 0) & (centres < count))
    if not len(inside):
        return
    if edges[1] - edges[0] > 1:
        bounds = np.clip(np.floor(edges[[*inside, inside[-1] + 1]]).astype(np.intp), 0, count)
        bounds[1:] = np.maximum(bounds[1:], bounds[:-1] + 1)
        level[:, inside] = np.maximum.reduceat(picture.db[:, : bounds[-1]], bounds[:-1], axis=1)
    else:
        at = np.clip(centres[inside] - 0.5, 0, count - 1)
        low = np.floor(at).astype(np.intp)
        share = (at - low).astype(np.float32)
        high = np.minimum(low + 1, count - 1)
        level[:, inside] = picture.db[:, low] * (1 - share) + picture.db[:, high] * share


def _stretched(shade: npt.NDArray[np.float32], height: int) -> npt.NDArray[np.float32]:
    """Rows [bins, width] blended to `height` rows, the lowest first."""
    bins = len(shade)
    at = np.clip((np.arange(height) + 0.5) * bins / height - 0.5, 0, bins - 1)
    low = np.floor(at).astype(np.intp)
    share = (at - low).astype(np.float32)[:, None]
    found: npt.NDArray[np.float32] = shade[low] * (1 - share) + shade[np.minimum(low + 1, bins - 1)] * share
    return found


def trace_columns(trace: Trace, first: float, last: float, width: int) -> Float:
    """The strongest z in each of `width` columns of seconds `first` … `last`; 0 where the feature is inactive.

    A token covers the columns between its two moments, one at least.
    """
    found = np.zeros(width)
    if not len(trace.value) or last <= first:
        return found
    seen = trace.timed & (trace.end > first) & (trace.start < last) & (trace.value > 0)
    scale = width / (last - first)
    low = np.clip(np.rint((trace.start[seen] - first) * scale), 0, width - 1).astype(np.intp)
    high = np.clip(np.rint((trace.end[seen] - first) * scale), low + 1, width).astype(np.intp)
    counts = high - low
    if not len(counts):
        return found
    offsets = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    np.maximum.at(found, np.repeat(low, counts) + offsets, np.repeat(trace.value[seen], counts))
    return found
