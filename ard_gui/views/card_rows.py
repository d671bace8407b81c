"""Where the rows of the list of clips stand: headers, cards, "show more"; without any widget."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from ard_gui.services.feature_lines import ClipGroup

FIRST = {"most": 16, "quantile": 4, "least": 8, "random": 8, "hard": 8}
"""Cards of a group before more are asked for."""
Kind = Literal["header", "card", "more"]


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes
    ----------
    kind : "header", "card" or "more"
    group, position : int
        Number of the group; place of a card in it.
    top, height : int
        Pixels of the whole list.
    """

    kind: Kind
    group: int
    position: int
    top: int
    height: int

    @property
    def bottom(self) -> int:
        return self.top + self.height


def group_key(groups: Sequence[ClipGroup], number: int) -> str:
    """Names a group from feature to feature, for what is folded: "most", "quantile 2"."""
    same = [i for i, one in enumerate(groups) if one.id == groups[number].id]
    return f"{groups[number].id} {same.index(number)}"


def laid_out(
    groups: Sequence[ClipGroup], folded: Collection[str], whole: Collection[str], height: Callable[[Kind], int]
) -> list[Row]:
    """The rows from top to bottom. `folded` and `whole` hold keys of groups without cards, and with all of them."""
    rows: list[Row] = []

    def add(kind: Kind, group: int, position: int = 0) -> None:
        rows.append(Row(kind, group, position, rows[-1].bottom if rows else 0, height(kind)))

    for number, group in enumerate(groups):
        add("header", number)
        key = group_key(groups, number)
        if key in folded:
            continue
        shown = len(group.lines) if key in whole else min(len(group.lines), FIRST.get(group.id, 8))
        for position in range(shown):
            add("card", number, position)
        if shown < len(group.lines):
            add("more", number, shown)
    return rows


def visible(rows: Sequence[Row], top: int, bottom: int) -> range:
    """Numbers of the rows that have a pixel in [top, bottom)."""
    first = bisect.bisect_right(rows, top, key=lambda row: row.bottom)
    last = bisect.bisect_left(rows, bottom, key=lambda row: row.top)
    return range(first, max(first, last))
