"""Clips by the value of one of their labels, in two halves: what is chosen on one is measured on the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.errors import ArdError
from backend.store.clips import ClipTable

LEAST = 4
"""Clips that a class needs, two for each half."""


@dataclass(frozen=True)
class LabelledClip:
    """A clip and the class it belongs to.

    Attributes
    ----------
    index : int
        Row of the clip table.
    record : str
    """

    index: int
    record: str
    value: str


@dataclass(frozen=True)
class Classes:
    """The clips of a label's classes.

    Attributes
    ----------
    label : str
    names : tuple of str
        The classes that have enough clips, sorted.
    first, second : list of LabelledClip
        Halves of every class, dealt in turn over the classes; clips of identical audio or of one speaker are in the
        same half.
    left_out : dict of str to int
        Classes with too few clips.
    """

    label: str
    names: tuple[str, ...]
    first: list[LabelledClip] = field(repr=False)
    second: list[LabelledClip] = field(repr=False)
    left_out: dict[str, int]


def classes_of(table: ClipTable, label: str, only: Sequence[str] = (), *, by_speaker: bool = False) -> Classes:
    """The classes of `label` among the clips that are ranked.

    Parameters
    ----------
    only : sequence of str
        Classes to use; empty for all that have `LEAST` clips.
    by_speaker : bool
        Keep all clips of a speaker in one half, where every class has two speakers.

    Raises ArdError if the clips have no such label, fewer than two classes are left, or a class asked for is not there.
    """
    rows = [i for i in range(len(table)) if table.probe[i]]
    labels = table.labels_of(rows)
    found: dict[str, list[int]] = defaultdict(list)
    for row, named in zip(rows, labels, strict=True):
        if named.get(label):
            found[named[label]].append(row)
    if not found:
        known = sorted({name for named in labels for name in named})
        raise ArdError(
            f"no clip of this study has a label '{label}'", path=table.path,
            todo=f"Use one of: {', '.join(known)}." if known else "Name labels in the data set's manifest.",
        )  # fmt: skip
    for name in only:
        if len(found.get(name, ())) < LEAST:
            raise ArdError(
                f"{label} = {name} has {len(found.get(name, ()))} clips, {LEAST} are needed",
                todo=f"Use classes of: {_counts(found)}.",
            )
    names = tuple(sorted(only)) if only else tuple(sorted(n for n, own in found.items() if len(own) >= LEAST))
    if len(names) < 2:
        raise ArdError(
            f"the label '{label}' has fewer than two classes with {LEAST} clips ({_counts(found)})",
            todo="Use another label, or more clips.",
        )
    halves = [_halves(table, found[name], by_speaker) for name in names]
    first, second = (
        _dealt(
            [
                [LabelledClip(i, table[i].record, name) for i in half[part]]
                for name, half in zip(names, halves, strict=True)
            ]
        )
        for part in (0, 1)
    )
    left_out = {name: len(own) for name, own in sorted(found.items()) if name not in names}
    return Classes(label, names, first, second, left_out)


def targets_of(clips: Iterable[LabelledClip], names: Sequence[str], seed: int) -> list[str]:
    """For each clip another class than its own, drawn with a seed; within a class all others equally often."""
    draws = np.random.default_rng(seed)
    orders = {name: draws.permutation([one for one in names if one != name]).tolist() for name in names}
    seen: Counter[str] = Counter()
    chosen = []
    for clip in clips:
        others = orders[clip.value]
        chosen.append(str(others[seen[clip.value] % len(others)]))
        seen[clip.value] += 1
    return chosen


def _halves(table: ClipTable, rows: list[int], by_speaker: bool) -> tuple[list[int], list[int]]:
    """Two halves in an order that chance made once and for all (`tie_ids`), of groups that belong together."""
    groups: dict[str, list[int]] = defaultdict(list)
    ordered = sorted(rows, key=lambda i: int(table.tie_ids[i]))
    for row in ordered:
        clip = table[row]
        groups[(by_speaker and clip.speaker) or clip.hash or clip.record].append(row)
    if by_speaker and len(groups) < 2:
        return _halves(table, rows, False)
    halves: tuple[list[int], list[int]] = ([], [])
    for group in groups.values():
        halves[int(len(halves[1]) < len(halves[0]))].extend(group)
    return halves


def _dealt(classes: list[list[LabelledClip]]) -> list[LabelledClip]:
    """One of each class in turn, until all are dealt."""
    longest = max(len(own) for own in classes)
    return [own[i] for i in range(longest) for own in classes if i < len(own)]


def _counts(found: dict[str, list[int]]) -> str:
    return ", ".join(f"{name} {len(own)}" for name, own in sorted(found.items()))
