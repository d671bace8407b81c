"""Share a number of examples among recordings so that what is rare is heard often enough."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

from backend.builtin.dice import dice
from backend.builtin.examples import Recording

Key = tuple[Callable[[Recording], str], float]
"""What to divide recordings by, and the power of their number by which the parts are weighted: 0 shares equally,
1 in proportion, 0.5 between the two."""

SPEECH: tuple[Key, ...] = (
    (lambda r: r.attributes.get("language", ""), 0.5),
    (lambda r: r.attributes.get("sex", ""), 0.0),
    (lambda r: r.attributes.get("voice", r.group), 0.5),
)
"""Men and women equally often within a language, so that the one does not tell the other."""

SOUNDS: tuple[Key, ...] = ((lambda r: r.label, 0.5), (lambda r: r.group, 0.5))


def spread(
    recordings: Sequence[Recording], total: int, keys: Sequence[Key], *, repeat: bool
) -> list[tuple[Recording, int]]:
    """How often each recording is used: (recording, number of the use), numbers from 0.

    Parameters
    ----------
    total : int
        Uses in all; without `repeat`, at most as many as there are recordings.
    repeat : bool
        Whether a recording may be used more than once.
    """
    if not recordings or total <= 0:
        return []
    if not keys:
        ordered = sorted(recordings, key=lambda r: dice("spread", r.id).random())
        uses = total if repeat else min(total, len(ordered))
        return [(ordered[number % len(ordered)], number // len(ordered)) for number in range(uses)]
    (key, power), *rest = keys
    parts: dict[str, list[Recording]] = defaultdict(list)
    for recording in recordings:
        parts[key(recording)].append(recording)
    names = sorted(parts)
    weights = [len(parts[name]) ** power for name in names]
    most = [math.inf if repeat else len(parts[name]) for name in names]
    counts = shared(total, weights, most)
    return [
        use
        for name, count in zip(names, counts, strict=True)
        for use in spread(parts[name], count, rest, repeat=repeat)
    ]


def shared(total: int, weights: Sequence[float], most: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to `weights`, none above its `most`, that add up to `total` as far as they can.

    What is left of a part that is full is shared among the others; rounding goes to the largest remainders.
    """
    full: dict[int, int] = {}
    while True:
        left = total - sum(full.values())
        free = [i for i in range(len(weights)) if i not in full]
        scale = sum(weights[i] for i in free)
        wanted = {i: left * weights[i] / scale for i in free}
        above = [i for i in free if wanted[i] > most[i]]
        if not above:
            break
        full.update({i: int(most[i]) for i in above})
    counts = {**full, **{i: math.floor(value) for i, value in wanted.items()}}
    spare = left - sum(counts[i] for i in free)
    remainders = sorted((i for i in free if counts[i] < most[i]), key=lambda i: (counts[i] - wanted[i], i))
    for i in remainders[:spare]:
        counts[i] += 1
    return [counts[i] for i in range(len(weights))]
