"""The table of features with what narrows and orders it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QComboBox, QDockWidget, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.feature_texts import FeatureTexts, TextReading
from ard_gui.services.ranking_lines import RankingLine, ranking_lines
from ard_gui.session import Session
from ard_gui.state.feature_rows import FeatureRows
from ard_gui.state.query import Query
from ard_gui.views.table.copying import as_csv, as_text
from ard_gui.views.table.empty_state import EmptyState
from ard_gui.views.table.filter_bar import FilterBar
from ard_gui.views.table.go_to_feature import GoToFeature
from ard_gui.views.table.menus import TableMenus
from ard_gui.views.table.table import FeatureTable

Column = npt.NDArray[Any]
NO_STUDY = "No study is open."
NO_FEATURES = "This study has no ranked features yet. Run: ard run"
TEXTS = "feature texts"
TEXTS_AFTER_MS = 200
"""The first page is read before what only a search asks for."""
MOST_REMEMBERED = 200


class ConceptsView(QWidget):
    """Shows the features of the session's ranking; choosing a row chooses the feature.

    Signals
    -------
    star_toggled(feature: int)
        The star of a row was clicked.
    """

    star_toggled = Signal(int)

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._actions = session, actions
        self._rows = FeatureRows()
        self._shown_query = session.query.value
        self._sort_before: tuple[str, bool] = ("", True)
        self._remembered: dict[str, int] = {}
        self._ranking_name = ""
        self._random = np.random.default_rng()
        self._texts_later = QTimer(self)
        self._texts_later.setSingleShot(True)
        self._texts_later.setInterval(TEXTS_AFTER_MS)
        self._texts_later.timeout.connect(self._ask_for_texts)
        self.rankings = QComboBox()
        self.bar = FilterBar(session)
        self.table = FeatureTable()
        self.empty = EmptyState(self.table)
        self.menus = TableMenus(session, actions, self.table)
        self.model, self.filter, self.note = self.table.features, self.bar.expression, self.bar.problem.reason
        self._build()
        self._bind()
        self._connect()
        self._show_nothing(NO_STUDY)
        self.bar.queries.load()

    @property
    def features(self) -> int:
        """D of the SAE in the table; 0 for none."""
        return self._rows.features

    def set_own(self, columns: Mapping[str, Column], features: Sequence[int] | None = None) -> None:
        """Take the person's own columns of the shown SAE, any of `feature_rows.OWN`; ValueError for other lengths.

        Parameters
        ----------
        features : sequence of int
            Whose values these are; of all features if left out.
        """
        self._rows.set_own(columns, features)
        self.model.take_columns(self._rows.cells)
        self.bar.take_own(self._rows.cells, tags="tags" in columns)
        self._show_rows()

    def set_similarity(self, similarity: Column | None) -> None:
        """Show likeness to the searched meaning [D] as a column and order by it; None takes the column away."""
        had = "similarity" in self._rows.columns
        if similarity is None and not had:
            return
        self._rows.set_similarity(similarity)
        self._show_columns()
        query = self._session.query
        if similarity is not None and not had:
            self._sort_before = (query.value.sort, query.value.descending)
            query.update(sort="similarity", descending=True)
        elif similarity is None and query.value.sort == "similarity":
            query.update(sort=self._sort_before[0], descending=self._sort_before[1])

    def offer_meaning(self, offered: bool, why_not: str = "") -> None:
        """Let the search look for meaning (`Query.meaning`), or say why it cannot."""
        self.bar.search.offer_meaning(offered, *([why_not] if why_not else []))

    def set_lists(self, lists: Mapping[str, tuple[str, Sequence[int]]]) -> None:
        """Take the named lists that the query can name: id to title and features."""
        self.bar.list_titles = {name: title for name, (title, _) in lists.items()}
        self._rows.set_lists({name: features for name, (_, features) in lists.items()})
        self._show_rows()

    def columns_state(self) -> dict[str, Any]:
        """Columns, sliders and the feature last shown of each SAE, for `restore_columns`, as JSON has it."""
        return {
            "header": self.table.header.arrangement(),
            "ranges": list(self.bar.ranges.chosen),
            "ranges_shown": self.bar.ranges_button.isChecked(),
            "features": dict(list(self._remembered.items())[-MOST_REMEMBERED:]),
        }

    def restore_columns(self, state: dict[str, Any]) -> None:
        """Take what `columns_state` gave; what is damaged or of another version is left out."""
        self.table.header.restore(state.get("header"))
        ranges, features = state.get("ranges"), state.get("features")
        if isinstance(ranges, list) and len(ranges) < 100 and all(isinstance(one, str) for one in ranges):
            self.bar.ranges.choose_columns(tuple(ranges))
        if isinstance(state.get("ranges_shown"), bool):
            self.bar.ranges_button.setChecked(state["ranges_shown"])
        if isinstance(features, dict):
            known = {name: k for name, k in features.items() if isinstance(name, str) and type(k) is int and k >= 0}
            self._remembered = {**known, **self._remembered}

    def copy(self, *, as_table: bool) -> None:
        """Put the marked rows on the clipboard: as CSV of full precision, or as they are shown."""
        features, header = self.table.marked(), self.table.header
        names = header.shown_names()
        cells = self._rows.cells
        columns = {name: cells[name] for name in names}
        titles = [self.model.title(self.model.names.index(name)) for name in names]
        if features:
            self._session.worker.run(
                lambda: as_csv(columns, features) if as_table else as_text(columns, titles, features),
                lambda text: self._copied(text, len(features)),
            )

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            self.table.fit_rows()
            self.table.header.arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """↓ in a search field goes to the table."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Down:
            self.table.setFocus()
            return True
        return False

    def _build(self) -> None:
        self.rankings.setAccessibleName("SAE")
        self.rankings.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.rankings.setMinimumContentsLength(12)
        label = QLabel("&SAE")
        label.setBuddy(self.rankings)
        top = QHBoxLayout()
        top.addWidget(label)
        top.addWidget(self.rankings, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addLayout(top)
        layout.addWidget(self.bar)
        layout.addWidget(self.table, 1)
        for field in (self.bar.search.field, self.filter):
            field.installEventFilter(self)

    def _bind(self) -> None:
        bind = self._actions.bind
        self._actions.attach(self.table)
        bind("go.search", lambda: self._focus(self.bar.search.field))
        bind("go.filter", lambda: self._focus(self.filter))
        bind("go.table", lambda: self._focus(self.table))
        bind("go.feature", self._ask_for_feature)
        bind("go.random", self._go_random)
        bind("go.next", lambda: self.table.step(1))
        bind("go.previous", lambda: self.table.step(-1))
        bind("view.sort", self.menus.choose_sort)
        bind("view.columns", self.menus.choose_columns)
        bind("edit.copy_rows", lambda: self.copy(as_table=False))
        bind("edit.copy_csv", lambda: self.copy(as_table=True))

    def _connect(self) -> None:
        session = self._session
        session.study_opened.connect(self._study_opened)
        session.study_closed.connect(self._study_closed)
        session.ranking_opened.connect(self._ranking_opened)
        session.opening_failed.connect(self._opening_failed)
        session.reader.ready.connect(self._arrived)
        session.query.changed.connect(self._query_changed)
        session.selection.feature_changed.connect(self._show_choice)
        self.rankings.activated.connect(lambda _: session.open_ranking(str(self.rankings.currentData())))
        self.table.feature_chosen.connect(lambda feature, step: session.selection.choose(feature, step=step))
        self.table.features_marked.connect(session.selection.choose_several)
        self.table.star_clicked.connect(self.star_toggled)
        self.empty.button.clicked.connect(lambda _checked=False: session.query.clear())

    def _study_opened(self) -> None:
        found = self._session.overview
        assert found is not None
        self._remembered, self._ranking_name = {}, ""
        study, names = found.study, found.rankings
        self._fill_rankings([RankingLine(name) for name in names])
        self._show_nothing("Reading …" if names else NO_FEATURES)
        if names:
            self._session.reader.ask("ranking lines", lambda: ranking_lines(study, names))

    def _opening_failed(self, text: str) -> None:
        if self.model.names:
            # the switcher names what is shown, not what could not be
            self.rankings.setCurrentIndex(self.rankings.findData(self._session.ranking_name))
        else:
            self.empty.say(text)

    def _study_closed(self) -> None:
        self._ranking_name = ""
        self._fill_rankings([])
        self._show_nothing(NO_STUDY)

    def _show_nothing(self, why: str) -> None:
        self._rows.open({})
        self._show_columns()
        self.empty.say(why)

    def _fill_rankings(self, lines: list[RankingLine]) -> None:
        self.rankings.clear()
        for line in lines:
            self.rankings.addItem(line.text, line.name)
        self.rankings.setCurrentIndex(self.rankings.findData(self._ranking_name or self._session.ranking_name))
        self.rankings.setEnabled(len(lines) > 1)
        self.rankings.setToolTip("Whose features are shown: layer, SAE, number of features")

    def _ranking_opened(self) -> None:
        ranking = self._session.ranking
        assert ranking is not None
        if self._ranking_name not in ("", ranking.name):
            # Feature numbers of another SAE mean nothing here.
            self._session.query.update(chosen=(), listed="")
        self._ranking_name = ranking.name
        self.rankings.setCurrentIndex(self.rankings.findData(ranking.name))
        self._rows.open(ranking.columns)
        self.model.explain = lambda _: ()
        self._show_columns()
        self._warn_of_the_dead()
        wanted = self._remembered.get(ranking.name, -1)
        if not 0 <= wanted < self._rows.features and len(self.model.rows):
            wanted = self.model.feature(0)
        if 0 <= wanted < self._rows.features:
            self._session.selection.choose(wanted)
        self._texts_later.start()

    def _ask_for_texts(self) -> None:
        if self._session.ranking is not None:
            self._session.reader.ask(TEXTS, TextReading(self._session.ranking).step)

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == "ranking lines":
            self._fill_rankings(result)
        elif kind == TEXTS and result.ranking is self._session.ranking:
            self._take_texts(result)

    def _take_texts(self, result: FeatureTexts | TextReading) -> None:
        if isinstance(result, TextReading):
            self._session.reader.ask(TEXTS, result.step)
        else:
            self._rows.set_search(result.search)
            self.model.explain = lambda feature: result.explanations.get(feature, ())
            if self._session.query.value.text:
                self._show_rows()

    def _warn_of_the_dead(self) -> None:
        status = self._rows.columns.get("status")
        dead = status is not None and len(status) > 0 and bool(np.all(status == "dead"))
        text = f"All {self._rows.features:,} features are dead: none was ever active in the probing set."
        self.bar.warn(text if dead else "")

    def _query_changed(self, query: Query) -> None:
        if not query.meaning and "similarity" in self._rows.columns:
            self.set_similarity(None)
            query = self._session.query.value
        self._show_rows()

    def _show_columns(self) -> None:
        """Everything anew, after columns came or went."""
        ranking = self._session.ranking
        shown = self._rows.shown(self._session.query.value)
        self.table.show_columns(self._rows.cells, shown.rows, ranking.titles if ranking is not None else {})
        self.bar.show_columns(self._rows.cells)
        self._show_rows()

    def _show_rows(self) -> None:
        query = self._session.query.value
        shown = self._rows.shown(query)
        self._session.shown = shown.rows
        if not np.array_equal(shown.rows, self.model.rows):
            before, self._shown_query = self._shown_query, query
            resorted = (before.sort, before.descending) != (query.sort, query.descending)
            self.table.show_rows(shown.rows, follow=not resorted)
            if self.table.current_feature() < 0 and self._session.selection.feature >= 0:
                self.table.go_to(self._session.selection.feature)
        self.table.header.show_sort(query.sort, query.descending)
        self.bar.show_query(query, shown.problem)
        self._count()

    def _count(self) -> None:
        total, shown = self._rows.features, len(self.model.rows)
        feature = self._session.selection.feature
        hidden = feature if 0 <= feature < total and self.model.row_of(feature) < 0 else -1
        self.bar.show_counts(shown, total, hidden)
        if total and not shown:
            self.empty.say("No feature matches.", clear=True)
        elif not total and self._session.ranking is not None:
            self.empty.say("This SAE has no features.")
        elif shown:
            self.empty.say("")

    def _show_choice(self, feature: int) -> None:
        if feature < 0 or feature >= self._rows.features or self._session.ranking_name != self._ranking_name:
            return
        self._remembered.pop(self._ranking_name, None)
        self._remembered[self._ranking_name] = feature
        if feature != self.table.current_feature():
            self.table.go_to(feature)
        self._count()

    def _ask_for_feature(self) -> None:
        GoToFeature(self._rows.features, self.go_to_feature, self.window()).open()

    def go_to_feature(self, feature: int) -> str:
        """Show a feature, if need be by clearing the filters that hide it; why that cannot be done, or ""."""
        if not 0 <= feature < self._rows.features:
            return f"There is no feature {feature}."
        if self.model.row_of(feature) < 0:
            self._session.query.clear()
            self._session.notices.info(f"All filters were cleared: they hid feature {feature}.")
        self._session.selection.choose(feature)
        self.table.go_to(feature)
        return ""

    def _go_random(self) -> None:
        if len(self.model.rows):
            self._session.selection.choose(int(self._random.choice(self.model.rows)))

    def _focus(self, widget: QWidget) -> None:
        """Put the cursor into `widget`, in front of whatever covers this panel."""
        found: QWidget | None = self
        while found is not None and not isinstance(found, QDockWidget):
            found = found.parentWidget()
        if found is not None:
            found.show()
            found.raise_()
        widget.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _copied(self, text: str, rows: int) -> None:
        QGuiApplication.clipboard().setText(text)
        self._session.notices.info(f"Copied {rows:,} row{'' if rows == 1 else 's'}.")
