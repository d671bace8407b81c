"""What part of a clip a model with a limited window is shown (A-03, A-04)."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError

Crop = Literal["first", "center", "chunk"]
Short = Literal["plain", "audiobench"]

SLACK = 1e-6
"""Seconds by which a clip may exceed a window without making another chunk: rounding of decimal times."""


def spans(duration: float, window: float, crop: Crop) -> list[tuple[float, float]]:
    """Parts of a clip, as (start, end) seconds from the clip's own start.

    Parameters
    ----------
    duration : float
        Seconds of the clip.
    window : float
        Longest part the model takes, in seconds; infinity for no limit.
    crop : {"first", "center", "chunk"}
        One part from the start or from the middle, or consecutive parts that cover the clip.
        With A-05, 31 s in 30 s windows give T = 750 by "first" and 750 + 25 by "chunk".

    Returns
    -------
    list of (float, float)
        Empty for an empty clip.
    """
    if math.isnan(duration) or math.isnan(window) or window <= 0:
        raise ArdError(f"a clip of {duration} s cannot be cut into windows of {window} s")
    if duration <= 0:
        return []
    if duration <= window + SLACK:
        return [(0.0, duration)]
    if crop == "first":
        return [(0.0, window)]
    if crop == "center":
        start = (duration - window) / 2
        return [(start, start + window)]
    count = math.ceil((duration - SLACK) / window)
    return [(i * window, min((i + 1) * window, duration)) for i in range(count)]


def lengthen(samples: npt.NDArray[np.float32], rate: int, short: Short) -> npt.NDArray[np.float32]:
    """Apply the short-clip rule (A-04).

    "audiobench" appends one second of zeros to a clip of less than one second: 0.5 s becomes 1.5 s,
    which is what that benchmark's code does; it does not pad *to* one second. "plain" changes nothing.
    """
    if short == "plain" or not 0 < len(samples) < rate:
        return samples
    return np.concatenate([samples, np.zeros(rate, dtype=np.float32)])
