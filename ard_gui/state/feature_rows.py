"""Which features a query shows, and in which order: numpy on whole columns, nothing of Qt."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ard_gui.state.query import Query
from ard_gui.state.text_search import TextSearch, folded, words
from backend.errors import ArdError
from backend.store.columns import FeatureColumns
from backend.store.filter import compile_filter

Column = npt.NDArray[Any]
Int = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
OWN = ("star", "tags", "own_name", "verdict", "note")
"""Columns of the person's own: star bool, tags object (tuple of str), own_name, verdict and note object (str)."""


@dataclass(frozen=True)
class Problem:
    """Why the expression of a query was not used.

    Attributes
    ----------
    reason : str
        What is wrong and what to do about it.
    text : str
        The expression.
    place : int
        Where in it, counted from 0; −1 where that cannot be said.
    """

    reason: str
    text: str
    place: int = -1


@dataclass(frozen=True)
class Shown:
    """The answer to a query.

    Attributes
    ----------
    rows : int array
        Feature numbers in the order of the table.
    problem : Problem or None
        With one, the last expression that could be used still holds.
    """

    rows: Int
    problem: Problem | None = None


class FeatureRows:
    """The columns of one SAE with the person's own, and what a query makes of them.

    Attributes
    ----------
    features : int
        D.
    columns : FeatureColumns
        All columns [D], in the order the table offers them, as they are sorted and filtered: tags as one text.
    """

    def __init__(self) -> None:
        self.features = 0
        self.columns = FeatureColumns({})
        self._stored = self._lasting = self.columns
        self._similarity: Column | None = None
        self._own: dict[str, Column] = {}
        self._own_texts: dict[int, str] = {}
        self._ranked = FeatureColumns({})
        self._search: TextSearch | None = None
        self._lists: dict[str, tuple[int, ...]] = {}
        self._masks: dict[str, tuple[object, Mask]] = {}
        self._last_expression: Mask | None = None

    @property
    def cells(self) -> dict[str, Column]:
        """All columns as they are shown: tags apart."""
        return {**self.columns, "tags": self._own["tags"]} if self._own else {}

    def open(self, columns: Mapping[str, Column]) -> None:
        """Take the columns of another SAE, or newer ones; own columns, similarity, lists and texts are set anew."""
        found = columns if isinstance(columns, FeatureColumns) else FeatureColumns(columns)
        self.features = found.rows
        self._search = self._last_expression = None
        self._lists, self._own, self._own_texts = {}, {}, {}
        self._stored = self._lasting = found
        self._similarity = None
        # A rank of −1 says that there is none.
        ranks = {name: np.where(found[name] < 0, np.nan, found[name]) for name in ("rank",) if name in found}
        self._ranked = FeatureColumns(ranks)
        if len(found):
            self._own = no_own(self.features)
            self._lasting = found.plus({**self._own, "tags": np.full(self.features, "", dtype=object)})
        self._join()

    def set_own(self, own: Mapping[str, Column], features: Sequence[int] | None = None) -> None:
        """Take the person's own columns, any of `OWN`; ValueError for another name or length.

        Parameters
        ----------
        features : sequence of int
            Whose values these are; of all features if left out. What is not named stays as it is, and costs nothing.
        """
        rows = np.arange(self.features) if features is None else np.asarray(features, dtype=np.int64)
        wrong = [name for name, values in own.items() if name not in OWN or len(values) != len(rows)]
        if wrong:
            raise ValueError(f"own columns of {len(rows)} features are wrong: {', '.join(wrong)}")
        new = {name: _replaced(self._own[name], rows, values) for name, values in own.items()}
        self._own = {**self._own, **new}
        if "tags" in own:
            texts = np.array([", ".join(one) for one in own["tags"]], dtype=object)
            new["tags"] = _replaced(self._lasting["tags"], rows, texts)
        if own.keys() - {"star"}:
            self._write_texts(rows)
        self._lasting = self._lasting.plus(new)
        self._join(own)

    def set_similarity(self, similarity: Column | None) -> None:
        """Take the column `similarity` [D], NaN where there is none, or take it away; ValueError for another length."""
        if similarity is not None and len(similarity) != self.features:
            raise ValueError(f"{len(similarity)} similarities for {self.features} features")
        self._similarity = None if similarity is None else np.asarray(similarity, dtype=np.float64)
        self._join()

    def set_search(self, search: TextSearch | None) -> None:
        """Take the texts that words are searched in; without them only own names, tags and notes are."""
        if search is not None and len(search) != self.features:
            raise ValueError(f"texts of {len(search)} features for {self.features} features")
        self._search = search
        # Whoever read the texts may have prepared stored columns meanwhile.
        self._lasting = self._stored.plus({name: self._lasting[name] for name in self._lasting if name in self._own})
        self._join()

    def set_lists(self, lists: Mapping[str, Sequence[int]]) -> None:
        """Take the named lists that `Query.listed` can name: id to features."""
        self._lists = {name: tuple(found) for name, found in lists.items()}
        self._masks.pop("listed", None)

    def shown(self, query: Query) -> Shown:
        """Which features `query` shows, in its order: NaN and empty text last, equals by feature number."""
        masks = [
            self._mask("status", query.status, self._with_status),
            self._mask("ranges", tuple(sorted(query.ranges.items())), self._within),
            self._mask("starred", query.starred, lambda _: self._own["star"].astype(bool)),
            self._mask("tags", query.tags, self._with_tags),
            self._mask("listed", query.listed, lambda name: self._among(self._lists.get(name, ()))),
            self._mask("chosen", query.chosen, self._among),
            self._mask("text", words(query.text), self._with_words),
        ]
        expression, problem = self._expression(query.expression)
        used = [one for one in (*masks, expression) if one is not None]
        order = self._order(query.sort, query.descending)
        return Shown(order[np.logical_and.reduce(used)[order]] if used else order, problem)

    def _write_texts(self, features: Iterable[Any]) -> None:
        """What the person wrote about these features, folded; those about which nothing was written are left out."""
        for k in features:
            parts = (*(self._own[name][k] for name in ("own_name", "verdict", "note")), *self._own["tags"][k])
            if any(parts):
                self._own_texts[int(k)] = " ".join(folded(one) for one in parts)
            else:
                self._own_texts.pop(int(k), None)

    def _join(self, own: Collection[str] | None = None) -> None:
        """The columns anew; what was made for sorting the lasting ones outlives the similarity.

        Answers are forgotten: all of them, or those that look at the columns `own` of the person's.
        """
        more = None if self._similarity is None else {"similarity": self._similarity}
        self.columns = self._lasting if more is None else self._lasting.plus(more)
        if own is None:
            self._masks.clear()
            return
        expression = self._masks.get("expression")
        read = expression is not None and not compile_filter(str(expression[0])).columns.isdisjoint(own)
        written = bool(set(own) - {"star"})
        stale = {"starred": "star" in own, "tags": "tags" in own, "text": written, "expression": read}
        for part in [part for part, gone in stale.items() if gone]:
            self._masks.pop(part, None)

    def _mask(self, part: str, wanted: Any, make: Callable[[Any], Mask]) -> Mask | None:
        """The mask of one part of the query, kept until the part or the columns change; None if it asks nothing."""
        if not wanted:
            return None
        known = self._masks.get(part)
        if known is None or known[0] != wanted:
            known = self._masks[part] = (wanted, make(wanted))
        return known[1]

    def _with_status(self, wanted: tuple[str, ...]) -> Mask:
        return np.isin(self.columns["status"], wanted) if "status" in self.columns else self._none()

    def _within(self, ranges: tuple[tuple[str, tuple[float, float]], ...]) -> Mask:
        """Features inside every range; a range of a column that is not there asks nothing."""
        mask = np.ones(self.features, bool)
        for name, (low, high) in ranges:
            if name in self.columns:
                mask &= (self.columns[name] >= low) & (self.columns[name] <= high)
        return mask

    def _with_tags(self, wanted: tuple[str, ...]) -> Mask:
        asked = set(wanted)
        return np.fromiter((not asked.isdisjoint(one) for one in self._own["tags"]), np.bool_, self.features)

    def _among(self, wanted: Sequence[int]) -> Mask:
        mask, asked = self._none(), np.asarray(wanted, dtype=np.int64)
        mask[asked[(asked >= 0) & (asked < self.features)]] = True
        return mask

    def _with_words(self, wanted: tuple[str, ...]) -> Mask:
        """All words, each in the feature's texts or in what the person wrote."""
        result = np.ones(self.features, bool)
        for word in wanted:
            found = self._none() if self._search is None else self._search.with_word(word).copy()
            for feature, text in self._own_texts.items():
                found[feature] |= word in text
            result &= found
        return result

    def _none(self) -> Mask:
        return np.zeros(self.features, bool)

    def _expression(self, text: str) -> tuple[Mask | None, Problem | None]:
        if not text.strip():
            self._last_expression = None
            return None, None
        try:
            mask = self._mask("expression", text, lambda asked: compile_filter(asked).mask(self.columns))
        except ArdError as error:
            return self._last_expression, problem(error, text, self.columns)
        self._last_expression = mask
        return mask, None

    def _order(self, name: str, descending: bool) -> Int:
        """All features in the order of a column."""
        if name in self._ranked:
            return self._ranked.order(name, descending)
        if name in self._stored and name not in self._own:
            return self._stored.order(name, descending)
        return self.columns.order(name, descending) if name in self.columns else np.arange(self.features)


def no_own(features: int) -> dict[str, Column]:
    """Own columns of someone who has judged nothing yet."""
    tags = np.empty(features, dtype=object)
    tags.fill(())
    texts = {name: np.full(features, "", dtype=object) for name in ("own_name", "verdict", "note")}
    return {"star": np.zeros(features, bool), "tags": tags, **texts}


def _replaced(column: Column, rows: Int, values: Column) -> Column:
    """A copy with other values in some rows."""
    found = column.copy()
    found[rows] = values
    return found


def problem(error: ArdError, text: str, columns: Mapping[str, Column]) -> Problem:
    """An error of the filter in few words, with the place it speaks of."""
    unknown = re.search(r"no column '([^']*)'", error.what)
    if unknown:
        name = unknown[1]
        found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
        near = difflib.get_close_matches(name, columns, 1)
        hint = f"Did you mean {near[0]}?" if near else f"Columns are: {', '.join(sorted(columns))}."
        return Problem(f"There is no column {name}. {hint}", text, found.start() if found else -1)
    first, *rest = error.what.split("\n")
    reason = first.rpartition(": ")[2] if first.startswith("the filter '") and ": " in first else first
    place = next((line.index("^") - 2 for line in rest if line.strip() == "^"), -1)
    indent = len(text) - len(text.lstrip())
    sentence = f"{reason[:1].upper()}{reason[1:]}.".replace("..", ".")
    return Problem(f"{sentence} {error.todo or ''}".strip(), text, place + indent if place >= 0 else -1)
