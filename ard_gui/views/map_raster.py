"""Tens of thousands of discs in one picture, stamped in numpy: some milliseconds, whatever their colours."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

FINE = 8
WHOLE = 0.97
LEAST = 0.02
GROUPS = 8
Ints = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint32]


@lru_cache(maxsize=64)
def stamp(radius: float) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    """Offsets dx, dy [n] of the pixels under a disc of `radius` pixels, and how much of each it covers."""
    reach = int(np.ceil(radius + 0.5))
    side = 2 * reach + 1
    fine = (np.arange(side * FINE) + 0.5) / FINE - reach - 0.5
    inside = fine[:, None] ** 2 + fine[None] ** 2 <= radius**2
    covered = inside.reshape(side, FINE, side, FINE).mean(axis=(1, 3))
    dy, dx = np.nonzero(covered > LEAST)
    return dx - reach, dy - reach, covered[dy, dx]


def draw_points(
    width: int, height: int, ground: int, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], colour: Pixels,
    radius: float,
) -> Pixels:  # fmt: skip
    """A picture [height, width] of 0xffRRGGBB pixels with one disc per point.

    Parameters
    ----------
    ground : int
        Colour where no disc lies.
    x, y : float array [n]
        Centres in pixels, right and down; what is outside or not finite is left out. Later points come on top.
    colour : uint32 array [n]
    radius : float
        In pixels.
    """
    reach = int(np.ceil(radius + 0.5))
    margin = 2 * reach + 2
    stride = width + 2 * margin
    picture = np.full((height + 2 * margin) * stride, ground, np.uint32)
    with np.errstate(invalid="ignore"):
        near = (x > -reach) & (x < width + reach) & (y > -reach) & (y < height + reach)
    column, row = np.rint(x[near] - 0.5).astype(np.int64), np.rint(y[near] - 0.5).astype(np.int64)
    centre, seen = (row + margin) * stride + column + margin, colour[near]
    for part in np.array_split(np.arange(len(centre)), min(GROUPS, max(1, len(centre)))):
        _stamp_all(picture, stride, centre[part], seen[part], radius)
    whole = picture.reshape(height + 2 * margin, stride)
    return np.ascontiguousarray(whole[margin : margin + height, margin : margin + width])


def _stamp_all(picture: Pixels, stride: int, centre: Ints, colour: Pixels, radius: float) -> None:
    """The rims first, mixed with what is beneath, then the cores."""
    dx, dy, covered = stamp(radius)
    offset, whole = dy * stride + dx, covered >= WHOLE
    for step, share in zip(offset[~whole].tolist(), covered[~whole].tolist(), strict=True):
        at = centre + step
        picture[at] = mixed(picture[at], colour, share)
    for step in offset[whole].tolist():
        picture[centre + step] = colour


def mixed(below: Pixels, above: Pixels, share: float) -> Pixels:
    """`share` of `above` and the rest of `below`, channel by channel."""
    part = np.uint32(round(share * 256))
    rest = np.uint32(256) - part
    two, one = np.uint32(0x00FF00FF), np.uint32(0x0000FF00)
    red_blue = (((below & two) * rest + (above & two) * part) >> np.uint32(8)) & two
    green = (((below & one) >> np.uint32(8)) * rest + ((above & one) >> np.uint32(8)) * part) & one
    found: Pixels = np.uint32(0xFF000000) | red_blue | green
    return found
