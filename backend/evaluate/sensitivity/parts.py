"""A selection part, on which values and features are chosen, and a test part, from which figures come (A-51)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from backend.errors import ArdError
from backend.evaluate.sensitivity.items import Item


@dataclass(frozen=True)
class Parts:
    """Two lists of clips that share no sound and no group.

    Attributes
    ----------
    overlapping : int
        Clips that the data set has in both, left out of the selection.
    """

    selection: list[Item]
    test: list[Item]
    overlapping: int = 0


def divide(
    items: Sequence[Item],
    *,
    selection_splits: Sequence[str] = (),
    test_splits: Sequence[str] = (),
    share: float = 0.5,
    seed: int = 0,
) -> Parts:
    """By the data set's own splits where they are named, else by a draw: `share` of the groups is for selection.

    Raises ArdError for a split that is not there, one that is in both, or a part that stays empty.
    """
    if selection_splits or test_splits:
        chosen, rest = _by_split(items, selection_splits, test_splits)
    else:
        chosen = [one for one in items if _draw(seed, one.group) < share]
        rest = [one for one in items if _draw(seed, one.group) >= share]
    tested = {one.group for one in rest} | {one.key for one in rest}
    kept = [one for one in chosen if one.group not in tested and one.key not in tested]
    for name, part in (("selection", kept), ("test", rest)):
        if not part:
            raise ArdError(
                f"no clip is left for the {name} part", todo="Name other splits, or give the draw another share."
            )
    return Parts(kept, rest, len(chosen) - len(kept))


def _by_split(items: Sequence[Item], selection: Sequence[str], test: Sequence[str]) -> tuple[list[Item], list[Item]]:
    known = {one.split for one in items}
    both = sorted(set(selection) & set(test))
    if both:
        raise ArdError(f"the split '{both[0]}' cannot be for selection and for the test", todo="Name it once.")
    for name in (*selection, *test):
        if name not in known:
            raise ArdError(
                f"no clip has the split '{name}'", todo=f"Splits are: {', '.join(sorted(known - {''})) or 'none'}."
            )
    if not selection:
        selection = sorted(known - set(test))
    if not test:
        test = sorted(known - set(selection))
    return [one for one in items if one.split in selection], [one for one in items if one.split in test]


def few(items: Sequence[Item], most: int, seed: int) -> list[Item]:
    """At most `most` of the clips (0: all), drawn with `seed`; in the order of the draw."""
    order = sorted(items, key=lambda one: (_draw(seed, one.key), one.record))
    return order[:most] if most else order


def _draw(seed: int, name: str) -> float:
    """A number in [0, 1) that depends on nothing but `seed` and `name`."""
    return int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "little") / 2**64
