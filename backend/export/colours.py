"""The colour map of spectrograms: dark to bright in steps that look equal, in colour, in grey and on paper."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# "magma" of S. van der Walt and N. Smith (CC0) at ten places; between them it is close to straight
MAGMA = (
    (0, 0, 4), (24, 15, 61), (68, 15, 118), (114, 31, 129), (158, 47, 127),
    (205, 64, 113), (241, 96, 93), (253, 150, 104), (254, 202, 141), (252, 253, 191),
)  # fmt: skip


def magma(count: int) -> npt.NDArray[np.uint8]:
    """`count` sRGB colours [count, 3] from black over violet and orange to light yellow."""
    points = np.asarray(MAGMA, dtype=np.float64)
    at = np.linspace(0, len(points) - 1, count)
    channels = [np.interp(at, np.arange(len(points)), points[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)
