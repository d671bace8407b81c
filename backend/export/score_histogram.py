"""Monosemanticity of features beside that of random clips in their place, as a picture (A-31; numpy only)."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.scores import ScoresFile
from backend.study.atomic import write_text

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 56, 16, 36, 46
BINS = 60
FEATURES, CONTROL = "#1f6fb4", "#d07a1f"
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ScoreHistogram:
    """Counts of features and of their controls in the same bins.

    Attributes
    ----------
    edges : float array [bins + 1]
    features, control : int array [bins]
    """

    edges: Float
    features: npt.NDArray[np.int64]
    control: npt.NDArray[np.int64]


def score_histogram(scores: ScoresFile, bins: int = BINS) -> ScoreHistogram:
    """Histogram of m and m_control over all features that have both; ArdError if none has."""
    m, control = scores.columns["m"], scores.columns["m_control"]
    known = np.isfinite(m) & np.isfinite(control)
    if not known.any():
        raise ArdError("no feature has a score", path=scores.path, todo="See why: ard status")
    both = np.concatenate([m[known], control[known]])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-9), bins + 1)
    return ScoreHistogram(edges, np.histogram(m[known], edges)[0], np.histogram(control[known], edges)[0])


def write_score_histogram(scores: ScoresFile, title: str, path: Path) -> ScoreHistogram:
    """Draw it into an SVG file at `path`."""
    found = score_histogram(scores)
    write_text(path, drawing(found, title))
    return found


def drawing(found: ScoreHistogram, title: str) -> str:
    """The picture as SVG text, both histograms as steps over one axis."""
    top = int(max(found.features.max(), found.control.max()))
    low, high = float(found.edges[0]), float(found.edges[-1])

    def x(value: float) -> float:
        return LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(count: float) -> float:
        return HEIGHT - BOTTOM - count / max(top, 1) * (HEIGHT - TOP - BOTTOM)

    def steps(counts: npt.NDArray[np.int64]) -> str:
        points = [f"{x(low):.1f},{y(0):.1f}"]
        for left, right, count in zip(found.edges[:-1], found.edges[1:], counts, strict=True):
            points += [f"{x(left):.1f},{y(count):.1f}", f"{x(right):.1f},{y(count):.1f}"]
        return " ".join([*points, f"{x(high):.1f},{y(0):.1f}"])

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for counts, colour in ((found.control, CONTROL), (found.features, FEATURES)):
        parts.append(f'<polygon points="{steps(counts)}" fill="{colour}" fill-opacity="0.35" stroke="{colour}"/>')
    for value in ticks(low, high):
        here = f"{x(value):.1f}"
        parts.append(f'<line x1="{here}" x2="{here}" y1="{y(0):.1f}" y2="{y(0) + 5:.1f}" stroke="#333"/>')
        parts.append(f'<text x="{here}" y="{y(0) + 19:.1f}" text-anchor="middle">{value:g}</text>')
    for value in (0, top):
        parts.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 8}" text-anchor="middle">monosemanticity m</text>')
    for row, (name, colour) in enumerate((("features", FEATURES), ("random clips in place of H", CONTROL))):
        at = TOP + 6 + 18 * row
        parts.append(f'<rect x="{WIDTH - 210}" y="{at}" width="12" height="12" fill="{colour}" fill-opacity="0.6"/>')
        parts.append(f'<text x="{WIDTH - 192}" y="{at + 11}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


def ticks(low: float, high: float, most: int = 9) -> list[float]:
    """Round numbers from `low` to `high`, at most `most` of them."""
    span = high - low
    step = 10.0 ** np.floor(np.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most - 1)
    first = int(np.ceil(low / step))
    return [round(number * step, 10) for number in range(first, int(np.floor(high / step)) + 1)]
