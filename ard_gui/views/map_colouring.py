"""From a column of the feature table to colours of points and what the legend says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

MOST_CATEGORIES = 10
OUTER = (0.5, 99.5)
STEPS = 256
# "viridis" of S. van der Walt, N. Smith and E. Firing (CC0) at ten places; between them it is close to straight
VIRIDIS = (
    (68, 1, 84), (72, 40, 120), (62, 74, 137), (49, 104, 142), (38, 130, 142),
    (31, 158, 137), (53, 183, 121), (110, 206, 88), (181, 222, 43), (253, 231, 37),
)  # fmt: skip
Pixels = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Colouring:
    """How every point is drawn.

    Attributes
    ----------
    colour : uint32 array [D]
        0xffRRGGBB.
    order : int array [D]
        Points from the undermost to the uppermost.
    title : str
        What the colours mean, with its unit.
    scale : uint32 array
        Colours of the bar, the smallest value first; empty for categories.
    ticks : tuple of (float, str)
        Place on the bar in [0, 1] and its number.
    entries : tuple of (str, int, int)
        Label, colour and number of points of each category.
    missing : int
        Points without a value.
    """

    colour: Pixels
    order: Ints
    title: str = ""
    scale: Pixels = field(default_factory=lambda: np.empty(0, np.uint32))
    ticks: tuple[tuple[float, str], ...] = ()
    entries: tuple[tuple[str, int, int], ...] = ()
    missing: int = 0


def pixel(colour: str) -> int:
    """0xffRRGGBB of "#rrggbb"."""
    return 0xFF000000 | int(colour.lstrip("#"), 16)


def number_scale(ground: str) -> Pixels:
    """`STEPS` colours in steps that look equal, of which the last stands out most from the ground."""
    red, green, blue = (pixel(ground) >> shift & 0xFF for shift in (16, 8, 0))
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128
    points = np.asarray(VIRIDIS, np.float64)
    at = np.linspace(0.2, 1.0, STEPS) if dark else np.linspace(0.92, 0.0, STEPS)
    rgb = [np.rint(np.interp(at * 9, np.arange(10), points[:, c])).astype(np.uint32) for c in range(3)]
    found: Pixels = np.uint32(0xFF000000) | rgb[0] << np.uint32(16) | rgb[1] << np.uint32(8) | rgb[2]
    return found


def faded(palette: Mapping[str, str]) -> int:
    """The colour of points that are not kept: between ground and "missing"."""
    ground, missing = pixel(palette["ground"]), pixel(palette["missing"])
    half = (((ground ^ missing) & 0xFEFEFE) >> 1) + (ground & missing & 0xFFFFFF)
    return 0xFF000000 | half


def plain(count: int, palette: Mapping[str, str]) -> Colouring:
    """One colour for all."""
    return Colouring(np.full(count, pixel(palette["point"]), np.uint32), np.arange(count))


def by_number(
    values: npt.NDArray[np.floating], title: str, palette: Mapping[str, str], *, log: bool = False
) -> Colouring:
    """Colours of a numeric column.

    The bar runs over the middle 99 % of the values; values beyond have the colour of its end, which is marked. What
    is not finite, and under `log` what is not above zero, is missing.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.log10(values.astype(np.float64)) if log else values.astype(np.float64)
    known = np.isfinite(shown)
    scale = number_scale(palette["ground"])
    colour = np.full(len(values), pixel(palette["missing"]), np.uint32)
    order = np.argsort(known, kind="stable")
    missing = int((~known).sum())
    if not known.any():
        return Colouring(colour, order, title, missing=missing)
    low = float(np.percentile(shown[known], OUTER[0], method="lower"))
    high = float(np.percentile(shown[known], OUTER[1], method="higher"))
    share = np.clip((shown[known] - low) / (high - low), 0, 1) if high > low else np.full(known.sum(), 0.5)
    colour[known] = scale[np.rint(share * (STEPS - 1)).astype(np.int64)]
    ticks = _ticks(low, high, float(shown[known].min()) < low, float(shown[known].max()) > high, log)
    return Colouring(colour, order, title, scale, ticks, missing=missing)


def _ticks(low: float, high: float, below: bool, above: bool, log: bool) -> tuple[tuple[float, str], ...]:
    def text(value: float) -> str:
        number = 10**value if log else value
        shown = f"{number:,.0f}" if 1000 <= abs(number) < 1e6 else f"{number:.3g}"
        return shown.replace("-", "−")

    if not high > low:
        return ((0.5, text(low)),)
    ends = (f"{'≤ ' if below else ''}{text(low)}", f"{'≥ ' if above else ''}{text(high)}")
    return (0.0, ends[0]), (0.5, text((low + high) / 2)), (1.0, ends[1])


def by_category(labels: Sequence[str], title: str, palette: Mapping[str, str]) -> Colouring:
    """Colours of a column of texts: the ten commonest have one each, the others share one; "" is missing."""
    texts = np.asarray(labels, dtype=object)
    names, which = np.unique(texts.astype(str), return_inverse=True)
    counts = np.bincount(which, minlength=len(names))
    common = sorted((i for i in range(len(names)) if names[i]), key=lambda i: (-counts[i], names[i]))
    others = common[MOST_CATEGORIES:]
    colours = np.full(len(names), pixel(palette["missing"]), np.uint32)
    layer = np.zeros(len(names), np.int64)
    entries = []
    for place, i in enumerate(common[:MOST_CATEGORIES]):
        colours[i], layer[i] = pixel(palette[f"category{place}"]), 2
        entries.append((str(names[i]), int(colours[i]), int(counts[i])))
    if others:
        colours[others], layer[others] = pixel(palette["other"]), 1
        entries.append((f"other ({len(others)})", pixel(palette["other"]), int(counts[others].sum())))
    order = np.argsort(layer[which], kind="stable")
    return Colouring(
        colours[which], order, title, entries=tuple(entries), missing=int(counts[names == ""].sum())
    )  # fmt: skip
