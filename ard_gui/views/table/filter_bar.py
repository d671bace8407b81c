"""Everything above the table that narrows it: one widget over one `FeatureQuery`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QToolButton, QVBoxLayout, QWidget

from ard_gui.services.saved_queries import SavedQueries
from ard_gui.session import Session
from ard_gui.state.column_words import words_of
from ard_gui.state.feature_rows import Problem
from ard_gui.state.query import Query
from ard_gui.views.flow import FlowLayout
from ard_gui.views.table.chips import ActiveChips, chip
from ard_gui.views.table.expression_field import ExpressionField, ProblemNote
from ard_gui.views.table.ranges_panel import RangesPanel, range_text
from ard_gui.views.table.saved_queries_menu import SavedQueriesButton
from ard_gui.views.table.search_field import MEANING, WORDS, SearchField
from backend.store.concepts import STATUS as NAME_STATUS
from backend.store.retrieval import STATUS

Column = npt.NDArray[Any]
Part = tuple[str, Callable[[], object]]
STATUS_SAYS = {
    "ok": "Features that could be ranked.",
    "insufficient": "Features with fewer than p active clips.",
    "dead": "Features that were never active in the probing set.",
}


class FilterBar(QWidget):
    """Shows the window's query and changes it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._query = session.query
        self._columns: dict[str, Column] = {}
        self.list_titles: dict[str, str] = {}
        self.search, self.expression, self.problem = SearchField(), ExpressionField(), ProblemNote()
        self.statuses = {one: chip(one, f"Show {one} features", STATUS_SAYS[one], checkable=True) for one in STATUS}
        self.star = chip("★", "Starred features only", "Show only features with your star.", checkable=True)
        self.tags = chip("Tags", "Tags", "Show only features with at least one of these tags of yours.")
        self.ranges_button = chip(
            "Ranges", "Range sliders", "Show sliders that narrow numeric columns.", checkable=True
        )
        self.queries = SavedQueriesButton(session, SavedQueries())
        self.clear = chip("Clear all", "Clear all filters", "Show all features again; the order stays.")
        self.active, self.ranges = ActiveChips(), RangesPanel()
        self.count, self.hidden, self.reveal = QLabel(), QLabel(), QToolButton()
        self.warning = QLabel()
        self._tag_menu = QMenu(self)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.tags.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.tags.setMenu(self._tag_menu)
        for label in (self.count, self.hidden, self.warning):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.warning.setWordWrap(True)
        self.reveal.setText("Show it")
        self.reveal.setToolTip("Clear all filters, so that the feature on the page is in the table.")
        self.ranges.hide()
        buttons = QWidget()
        flow = FlowLayout(buttons)
        for button in (*self.statuses.values(), self.star, self.tags, self.ranges_button, self.queries, self.clear):
            flow.addWidget(button)
        counts = QHBoxLayout()
        counts.addWidget(self.count)
        counts.addStretch(1)
        counts.addWidget(self.hidden)
        counts.addWidget(self.reveal)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.search, self.expression, self.problem, buttons, self.active, self.ranges):
            layout.addWidget(widget)
        layout.addLayout(counts)
        layout.addWidget(self.warning)
        self.show_counts(0, 0, -1)
        self.warning.hide()

    def _connect(self) -> None:
        query = self._query
        self.search.words_changed.connect(lambda text: query.update(text=text))
        self.search.meaning_changed.connect(lambda text: query.update(meaning=text))
        self.expression.textChanged.connect(lambda text: query.update(expression=text))
        for button in self.statuses.values():
            button.clicked.connect(lambda _checked=False: query.update(status=self._chosen_statuses()))
        self.star.clicked.connect(lambda checked: query.update(starred=checked))
        self.ranges_button.toggled.connect(self.ranges.setVisible)
        self.ranges_button.toggled.connect(lambda _: self._show_active(query.value))
        self.ranges.range_changed.connect(self._range_changed)
        self.clear.clicked.connect(lambda _checked=False: query.clear())
        self.reveal.clicked.connect(lambda _checked=False: query.clear())

    def show_columns(self, columns: Mapping[str, Column]) -> None:
        """The columns of another SAE: what can be completed, counted and slid."""
        self._columns = dict(columns)
        values = {"status": STATUS, "name_status": NAME_STATUS, "tags": tuple(self._tag_counts())}
        self.expression.offer(columns, {name: found for name, found in values.items() if name in columns})
        status = columns.get("status")
        for name, button in self.statuses.items():
            button.setText(f"{name} {int(np.sum(status == name)):,}" if status is not None else name)
        self._fill_tags()
        self.ranges.show_columns(columns, self._query.value.ranges)

    def take_own(self, columns: Mapping[str, Column], *, tags: bool) -> None:
        """Newer columns of the person's own, perhaps with other tags; all else is as it was."""
        self._columns = dict(columns)
        if tags:
            self._fill_tags()

    def show_query(self, query: Query, problem: Problem | None) -> None:
        """Show what is asked, and what is wrong with it."""
        self.search.show_query(query.text, query.meaning)
        if query.expression != self.expression.text():
            self.expression.setText(query.expression)
        self.problem.show_problem(problem)
        for name, button in self.statuses.items():
            button.setChecked(name in query.status)
        self.star.setChecked(query.starred)
        self.tags.setText(f"Tags: {len(query.tags)}" if query.tags else "Tags")
        self.ranges.show_ranges(query.ranges)
        self.clear.setEnabled(query.narrows or bool(query.meaning))
        self._show_active(query)

    def show_counts(self, shown: int, features: int, hidden: int) -> None:
        """How many of how many features are shown, and the feature on the page if it is not among them, else −1."""
        self.count.setText(f"{shown:,} of {features:,} features" if features else "")
        self.hidden.setText(f"Feature {hidden} is not among them" if hidden >= 0 else "")
        self.hidden.setVisible(hidden >= 0)
        self.reveal.setVisible(hidden >= 0)

    def warn(self, text: str) -> None:
        """A sentence about the features as a whole; "" for none."""
        self.warning.setText(text)
        self.warning.setVisible(bool(text))

    def _chosen_statuses(self) -> tuple[str, ...]:
        return tuple(name for name, button in self.statuses.items() if button.isChecked())

    def _range_changed(self, column: str, found: tuple[float, float] | None) -> None:
        others = {name: one for name, one in self._query.value.ranges.items() if name != column}
        self._query.update(ranges=others if found is None else {**others, column: found})

    def _tag_counts(self) -> dict[str, int]:
        tags = self._columns.get("tags")
        counts = Counter(tag for one in tags if one for tag in one) if tags is not None else Counter[str]()
        return dict(sorted(counts.items(), key=lambda found: found[0].casefold()))

    def _fill_tags(self) -> None:
        self._tag_menu.clear()
        counts = self._tag_counts()
        for tag, count in counts.items():
            action = self._tag_menu.addAction(f"{tag.replace('&', '&&')}   ({count:,})")
            action.setCheckable(True)
            action.setChecked(tag in self._query.value.tags)
            action.triggered.connect(lambda checked, tag=tag: self._tag_chosen(tag, checked))
        if not counts:
            nothing: QAction = self._tag_menu.addAction("No tags yet")
            nothing.setEnabled(False)

    def _tag_chosen(self, tag: str, chosen: bool) -> None:
        others = tuple(one for one in self._query.value.tags if one != tag)
        self._query.update(tags=(*others, tag) if chosen else others)

    def _show_active(self, query: Query) -> None:
        update = self._query.update
        parts: dict[str, Part] = {}
        if query.chosen:
            parts["chosen"] = (f"Chosen on the map: {len(query.chosen):,}", lambda: update(chosen=()))
        if query.listed:
            title = self.list_titles.get(query.listed, "one that is not there any more")
            parts["listed"] = (f"List: {title}", lambda: update(listed=""))
        if query.meaning and self.search.mode.currentIndex() == WORDS:
            parts["meaning"] = (f"Meaning: {query.meaning}", lambda: update(meaning=""))
        if query.text.strip() and self.search.mode.currentIndex() == MEANING:
            parts["text"] = (f"Words: {query.text}", lambda: update(text=""))
        for tag in query.tags:
            parts[f"tag {tag}"] = (f"Tag: {tag}", partial(self._tag_chosen, tag, False))
        if not self.ranges_button.isChecked():
            for name, (low, high) in query.ranges.items():
                title = words_of(name, self._columns[name]).title if name in self._columns else name
                parts[f"range {name}"] = (
                    f"{title} {range_text(low, high)}", partial(self._range_changed, name, None),
                )  # fmt: skip
        self.active.show_parts(parts)
        for action in self._tag_menu.actions():
            action.setChecked(action.text().rpartition("   (")[0].replace("&&", "&") in query.tags)
