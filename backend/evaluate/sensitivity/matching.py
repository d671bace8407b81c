"""Overrides scaled until they move the residual stream as far as another intervention does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backend.steer.engine import Scene
from backend.steer.intervention import ABSURD, Intervention

TOLERANCE = 1e-3
"""Largest relative difference of two displacements that count as equal."""
STEPS = 60


def displacement(scene: Scene, intervention: Intervention) -> float:
    """Mean ‖x′ − x‖ over the steered positions, as `Rows.displacement`."""
    return scene.rows([intervention]).displacement[0]


def scaled(intervention: Intervention, factor: float, centre: Sequence[float] = ()) -> Intervention:
    """Values c + factor·(v − c); c is 0 unless given."""
    middle = centre or (0.0,) * len(intervention.values)
    values = [c + factor * (v - c) for v, c in zip(intervention.values, middle, strict=True)]
    return intervention.with_values(values)


def matched(scene: Scene, intervention: Intervention, wanted: float, centre: Sequence[float] = ()) -> float:
    """The factor of `scaled` at which the displacement is `wanted`, within `TOLERANCE`.

    0 where the displacement already exceeds it at factor 0; the largest factor that the engine accepts where it is
    never reached; the nearest that bisection finds where the displacement jumps over it, as it can where the SAE
    selects. What came of it is reported with the answer.
    """
    furthest = max((abs(v) for v in (*intervention.values, *centre)), default=0.0)
    if not furthest or wanted <= 0:
        return 1.0
    limit = ABSURD / (2 * furthest)

    def excess(factor: float) -> float:
        return displacement(scene, scaled(intervention, factor, centre)) - wanted

    low, high = 0.0, min(1.0, limit)
    below, above = excess(low), excess(high)
    if below >= 0:
        return low
    while above < 0 and high < limit:
        low, below = high, above
        high = min(2 * high, limit)
        above = excess(high)
    return high if above < 0 else _root(excess, (low, below), (high, above), TOLERANCE * wanted)


def _root(
    excess: Callable[[float], float], low: tuple[float, float], high: tuple[float, float], tolerance: float
) -> float:
    """Where `excess` is 0 between two points (x, excess): false position, halved where one end stands still."""
    side = 0
    (a, fa), (b, fb) = low, high
    best = b if abs(fb) < abs(fa) else a
    smallest = min(abs(fa), abs(fb))
    for _ in range(STEPS):
        if smallest <= tolerance:
            break
        middle = b - fb * (b - a) / (fb - fa)
        found = excess(middle)
        if abs(found) < smallest:
            best, smallest = middle, abs(found)
        if found < 0:
            a, fa = middle, found
            fb, side = (fb / 2 if side < 0 else fb), -1
        else:
            b, fb = middle, found
            fa, side = (fa / 2 if side > 0 else fa), 1
    return best
