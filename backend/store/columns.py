"""Columns of features that are sorted and searched at typing speed: ranks and folded text are made once and kept."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
NUMBER = re.compile("[0-9]+")
BETWEEN = b"\0"
AT_ONCE = 4096
"""Texts handled between two steps: some 0.01 s."""


class FeatureColumns(Mapping[str, Column]):
    """Named columns [n] of the same length.

    What sorting and searching need is made when it is first asked for and then kept; `prepare` makes it earlier, on
    another thread. The columns must not be changed afterwards.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = dict(columns)
        self._ranks: dict[str, tuple[Column, Bool]] = {}
        self._orders: dict[tuple[str, bool], Int] = {}
        self._texts: dict[str, TextIndex] = {}

    def __getitem__(self, name: str) -> Column:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> int:
        """n."""
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def order(self, name: str, descending: bool = False) -> Int:
        """All row numbers in the order of a column; see `order`."""
        key = (name, descending)
        if key not in self._orders:
            if name not in self._ranks:
                self._ranks[name] = _ranks(self._columns[name])
            self._orders[key] = _ordered(*self._ranks[name], descending)
        return self._orders[key]

    def contains(self, name: str, text: str) -> Bool:
        """Rows of a text column in which `text` occurs, letter case ignored."""
        if name not in self._texts:
            self._texts[name] = TextIndex(str(one) for one in self._columns[name].tolist())
        return self._texts[name].contains(text)

    def prepare(self, name: str) -> None:
        """Make now what sorting by `name` both ways and, for text, searching in it need."""
        for _ in self.preparing(name):
            pass

    def preparing(self, name: str) -> Iterator[None]:
        """The same in steps of some 0.01 s, for a thread that has other things to do in between."""
        values = self._columns[name]
        if name not in self._ranks and is_text(values):
            self._ranks[name] = yield from _ranking_texts(values.tolist())
        for descending in (False, True):
            self.order(name, descending)
            yield
        if is_text(values):
            self.contains(name, "")
            yield

    def plus(self, more: Mapping[str, Column]) -> FeatureColumns:
        """These columns and `more`, which replace those of the same name; what was made for the others is kept."""
        found = FeatureColumns({**self._columns, **more})
        found._ranks = {name: ranks for name, ranks in self._ranks.items() if name not in more}
        found._orders = {key: rows for key, rows in self._orders.items() if key[0] not in more}
        found._texts = {name: index for name, index in self._texts.items() if name not in more}
        return found


class TextIndex:
    """Many texts, searched at once.

    Parameters
    ----------
    texts : iterable of str
        In row order.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        folded = [one.lower().encode(errors="replace").replace(BETWEEN, b" ") for one in texts]
        self._data = BETWEEN.join(folded) + BETWEEN
        self._ends = list(accumulate(len(one) + 1 for one in folded))

    def __len__(self) -> int:
        return len(self._ends)

    def contains(self, text: str) -> Bool:
        """Rows in whose text `text` occurs, letter case ignored, [n]."""
        if not text:
            return np.ones(len(self), dtype=np.bool_)
        data, ends, needle = self._data, self._ends, text.lower().encode(errors="replace")
        rows = []
        place, row = (-1 if BETWEEN in needle else data.find(needle)), 0
        while place >= 0:
            row = bisect_right(ends, place, row)
            rows.append(row)
            place = data.find(needle, ends[row])
        found = np.zeros(len(self), dtype=np.bool_)
        found[rows] = True
        return found


def order(values: Column, descending: bool = False) -> Int:
    """Row numbers of `values` [n] in order.

    NaN and empty text come last in both directions; among equals the lower row comes first. Text is ordered without
    regard to letter case, numbers in it by their size: "2 knocks" before "10 knocks".
    """
    return _ordered(*_ranks(values), descending)


def _ranks(values: Column) -> tuple[Column, Bool]:
    """Numbers that sort as `values` do, and which rows have no value."""
    if is_text(values):
        return _text_ranks(values.tolist())
    return (values.astype(np.int8) if values.dtype == np.bool_ else values), values != values


def _ordered(ranks: Column, missing: Bool, descending: bool) -> Int:
    known = np.flatnonzero(~missing)
    if descending:
        # rows go in backwards and come out backwards, so that among equals the lower one is first again
        known = known[::-1]
        found = known[np.argsort(ranks[known], kind="stable")][::-1]
    else:
        found = known[np.argsort(ranks[known], kind="stable")]
    return np.concatenate([found, np.flatnonzero(missing)]).astype(np.int64)


def is_text(values: Column) -> bool:
    """Whether a column holds text."""
    return values.dtype.kind in "OUS"


def natural_key(text: str) -> str:
    """A text that sorts as `text` should: numbers by size, letter case only where all else is equal."""
    folded = text.casefold()
    if not NUMBER.search(folded):
        return folded
    return NUMBER.sub(lambda found: _number_key(found[0].lstrip("0")), folded)


def _number_key(digits: str) -> str:
    """A longer number is a larger one: its length goes first, behind a digit so that numbers stay among the digits."""
    return f"0{chr(0x30 + len(digits))}{digits}"


def _text_ranks(values: list[str]) -> tuple[Column, Bool]:
    """Place of each text among the distinct ones, and which are empty."""
    steps = _ranking_texts(values)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            found: tuple[Column, Bool] = end.value
            return found


def _ranking_texts(values: list[str]) -> Generator[None, None, tuple[Column, Bool]]:
    """`_text_ranks` in steps. Python sorts without letting other threads run: it is given little at a time."""
    distinct = list(set(values))
    key_of: dict[str, str] = {}
    runs = []
    for low in range(0, len(distinct), AT_ONCE):
        some = distinct[low : low + AT_ONCE]
        # one string per key and not a pair: comparing strings is several times as fast
        key_of.update((one, f"{natural_key(one)}\0{one}") for one in some)
        runs.append(sorted(key_of[one] for one in some))
        yield
    while len(runs) > 1:
        # of two sorted runs behind each other the sort makes one in a single pass
        runs = [sorted([*runs[i], *(runs[i + 1] if i + 1 < len(runs) else [])]) for i in range(0, len(runs), 2)]
        yield
    place = {key: number for number, key in enumerate(runs[0] if runs else [])}
    rank = {one: place[key] for one, key in key_of.items()}
    ranks = np.fromiter(map(rank.__getitem__, values), np.int32, len(values))
    return ranks, ranks == rank.get("", -1)
