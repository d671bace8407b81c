"""Where the points of a map lie on the screen, and which one is meant; plain numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

NONE = -1
MARGIN = 14.0
DEEPEST, WIDEST = 5000.0, 0.5
ASIDE = 2.0
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class View:
    """What part of the plane is seen.

    Attributes
    ----------
    x, y : float
        Map place at the middle of the widget; y goes up.
    scale : float
        Pixels per unit of the map.
    whole : float
        The scale at which everything is seen.
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    whole: float = 1.0

    @classmethod
    def of(cls, x: Floats, y: Floats, width: int, height: int) -> View:
        """All finite points, with a margin."""
        known = np.isfinite(x) & np.isfinite(y)
        if not known.any():
            return cls()
        low_x, high_x, low_y, high_y = x[known].min(), x[known].max(), y[known].min(), y[known].max()
        wide, high = max(high_x - low_x, 1e-9), max(high_y - low_y, 1e-9)
        if max(wide, high) <= 1e-9:
            wide = high = 1.0
        scale = float(min(max(1.0, width - 2 * MARGIN) / wide, max(1.0, height - 2 * MARGIN) / high))
        return cls(float(low_x + high_x) / 2, float(low_y + high_y) / 2, scale, scale)

    def pixels(self, x: Floats, y: Floats, width: int, height: int) -> tuple[Floats, Floats]:
        """Right and down from the widget's corner."""
        return (x - self.x) * self.scale + width / 2, (self.y - y) * self.scale + height / 2

    def zoomed(self, factor: float, right: float, down: float, width: int, height: int) -> View:
        """Enlarged so that the place under the pixel (right, down) stays there."""
        scale = min(DEEPEST * self.whole, max(WIDEST * self.whole, self.scale * factor))
        shift = 1 / self.scale - 1 / scale
        return replace(
            self, scale=scale, x=self.x + (right - width / 2) * shift, y=self.y - (down - height / 2) * shift
        )  # fmt: skip

    def moved(self, right: float, down: float) -> View:
        """The picture shifted by so many pixels."""
        return replace(self, x=self.x - right / self.scale, y=self.y + down / self.scale)


def nearest(px: Floats, py: Floats, right: float, down: float, within: float, among: Mask | None = None) -> int:
    """The point nearest to a pixel, −1 if none of `among` lies within so many pixels."""
    apart = np.hypot(px - right, py - down)
    apart[~np.isfinite(apart)] = np.inf
    if among is not None:
        apart[~among] = np.inf
    if not len(apart):
        return NONE
    found = int(apart.argmin())
    return found if apart[found] <= within else NONE


def towards(
    px: Floats, py: Floats, right: float, down: float, step_right: int, step_down: int, among: Mask | None = None
) -> int:
    """The nearest point in the quarter that lies in a direction; what lies aside counts as farther. −1 for none."""
    dx, dy = px - right, py - down
    ahead = dx * step_right + dy * step_down
    aside = np.abs(dx * step_down) + np.abs(dy * step_right)
    with np.errstate(invalid="ignore"):
        fits = (ahead > 1e-6) & (aside <= ahead)
    if among is not None:
        fits &= among
    cost = np.where(fits, ahead + ASIDE * aside, np.inf)
    if not len(cost) or not np.isfinite(cost.min()):
        return NONE
    return int(cost.argmin())


def inside(px: Floats, py: Floats, corners: Floats) -> Mask:
    """Which points lie in the closed polygon of corners [n, 2], by the even-odd rule."""
    found = np.zeros(len(px), bool)
    with np.errstate(invalid="ignore"):
        box = (px >= corners[:, 0].min()) & (px <= corners[:, 0].max())
        box &= (py >= corners[:, 1].min()) & (py <= corners[:, 1].max())
    some = np.flatnonzero(box)
    x, y = px[some], py[some]
    odd = np.zeros(len(some), bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crosses = (y0 > y) != (y1 > y)
        if crosses.any():
            odd[crosses] ^= x[crosses] < (x1 - x0) * (y[crosses] - y0) / (y1 - y0) + x0
    found[some] = odd
    return found
