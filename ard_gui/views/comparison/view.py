"""Two SAEs of the study side by side as a panel: their figures, and which features they share."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from ard_gui.actions import Actions
from ard_gui.services.command_run import CommandRun
from ard_gui.services.comparing import ShownComparison, further, read_comparison, summary
from ard_gui.session import Session
from ard_gui.state.pair_rows import PAIR_WORDS, PairQuery
from ard_gui.views.comparison.parts import ComparisonParts
from backend.export.comparison import as_csv

READING = "comparison"
NO_STUDY = "No study is open."
TOO_FEW = (
    "This study has fewer than two SAEs. Train another one, or bring one in with Run › Import SAE …, to compare them."
)
NOT_YET = "Nobody has compared these two yet. Compare finds the features that they share."


class ComparisonView(QWidget):
    """Shows the comparison of two chosen SAEs, or offers to make it."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self.shown: ShownComparison | None = None
        self.query = PairQuery()
        self._going: tuple[str, int] | None = None
        self.making = CommandRun(self)
        self.parts = ComparisonParts(self)
        self.setFocusProxy(self.parts.a)
        self._connect()
        self._ask()

    # what is shown

    def _ask(self) -> None:
        """Read what is known of the chosen two."""
        overview = self._session.overview
        if overview is None:
            self._show_none(NO_STUDY)
            return
        study, a, b = overview.study, self.parts.a.currentText(), self.parts.b.currentText()
        self._session.reader.ask(READING, lambda: (study.root, read_comparison(study, a, b)))

    def _arrived(self, kind: str, result: Any) -> None:
        overview = self._session.overview
        if kind == READING and overview is not None and result[0] == overview.study.root:
            self._show(result[1])

    def _failed(self, kind: str, message: str) -> None:
        if kind == READING:
            self._show_none(message)

    def _show(self, found: ShownComparison) -> None:
        before, self.shown = self.shown, found
        self.parts.show_saes(found.saes, found.a, found.b)
        self._enable()
        if not found.b:
            self._show_none(TOO_FEW, keep=True)
            return
        self.parts.figures.show_figures(found.a, found.b, found.metrics)
        if found.file is None:
            self._show_pairs(None)
            self.parts.say("", NOT_YET)
            return
        same = before is not None and before.file is not None and before.file.path == found.file.path
        if same and before is not None and before.names == found.names:
            return
        why = f"\nNo IoU: {found.file.without_iou}." if found.file.without_iou else ""
        self.parts.say(summary(found.file) + why)
        self._show_pairs(found)

    def _show_none(self, text: str, *, keep: bool = False) -> None:
        """Words in place of a comparison; the choice of SAEs stays if `keep`."""
        if not keep:
            self.shown = None
            self.parts.show_saes((), "", "")
        self._enable()
        self.parts.figures.show_figures("", "", ())
        self._show_pairs(None)
        self.parts.say("", text)

    def _show_pairs(self, found: ShownComparison | None) -> None:
        """The features of the chosen side."""
        columns = None if found is None else found.columns[self.parts.chosen_side]
        rows = np.empty(0, np.int64) if columns is None else self.query.rows(columns)
        self.parts.pairs.show_columns(columns, rows)
        self.parts.pairs.show_sort(self.query.sort, self.query.rising)
        self.parts.show_counts(len(rows), 0 if columns is None else columns.rows)

    def _show_rows(self) -> None:
        """The same features under another filter or order."""
        if self.shown is None or self.shown.file is None:
            return
        columns = self.shown.columns[self.parts.chosen_side]
        rows = self.query.rows(columns)
        self.parts.pairs.show_rows(rows)
        self.parts.pairs.show_sort(self.query.sort, self.query.rising)
        self.parts.show_counts(len(rows), columns.rows)

    def _tell(self, feature: int) -> None:
        """Everything about the current row."""
        file = None if self.shown is None else self.shown.file
        if file is None or feature < 0 or self.shown is None:
            self.parts.details.setText("")
            return
        side = self.parts.chosen_side
        other = "b" if side == "a" else "a"
        self.parts.details.setText(further(file.side(side), other.upper(), feature, self.shown.names[other]))

    # what the person does

    def _filter(self) -> None:
        kept = str(self.parts.kept.currentData())
        self.query = PairQuery(kept, self.parts.search.text(), self.query.sort, self.query.rising)
        self._show_rows()

    def _sort(self, column: str) -> None:
        """By another column, or by the same one the other way round."""
        again = column == self.query.sort
        rising = not self.query.rising if again else PAIR_WORDS[column].rising
        self.query = PairQuery(self.query.kept, self.query.text, column, rising)
        self._show_rows()

    def _swap(self) -> None:
        found = self.shown
        if found is not None and found.b:
            self.parts.show_saes(found.saes, found.b, found.a)
            self._chosen()

    def _chosen(self) -> None:
        """Other SAEs are wanted."""
        a, b = self.parts.a.currentText(), self.parts.b.currentText()
        if a and a == b and self.shown is not None:
            # the one that was not touched gives way, so that there are always two
            before = self.shown.b if self.shown.a == a else self.shown.a
            box = self.parts.b if self.shown.a != a else self.parts.a
            box.setCurrentText(before)
        self._ask()

    def compare(self) -> None:
        """Make the comparison of the chosen two."""
        overview, found = self._session.overview, self.shown
        if overview is not None and found is not None and found.b:
            self.making.run(["compare", str(overview.study.root), found.a, found.b])
            self._enable()

    def go_to(self, sae: str, feature: int) -> None:
        """Show a feature's page, that of another SAE if need be."""
        overview = self._session.overview
        if overview is None or feature < 0:
            return
        if sae == self._session.ranking_name:
            self._session.selection.choose(feature)
        elif sae in overview.rankings:
            self._going = (sae, feature)
            self._session.open_ranking(sae)
        else:
            self._session.notices.warning(f"{sae} has no ranked features to show. Run › Bring everything up to date.")

    def _go_to_feature(self, feature: int) -> None:
        if self.shown is not None and self.shown.file is not None:
            self.go_to(self.shown.file.side(self.parts.chosen_side).id, feature)

    def _go_to_nearest(self, feature: int) -> None:
        if self.shown is None or self.shown.file is None:
            return
        side = self.parts.chosen_side
        one, far = self.shown.file.side(side), self.shown.file.side("b" if side == "a" else "a")
        self.go_to(far.id, int(one.partner[feature, 0]))

    def _opened(self) -> None:
        going, self._going = self._going, None
        if going is not None and going[0] == self._session.ranking_name:
            self._session.selection.choose(going[1])

    def copy(self) -> None:
        """The marked rows, or all that are shown where no more than one is marked, as CSV on the clipboard."""
        if self.shown is None or self.shown.file is None:
            return
        found, side = self.shown, self.parts.chosen_side
        marked = self.parts.pairs.marked()
        rows = marked if len(marked) > 1 else self.parts.pairs.pairs.rows
        file, names, others = found.file, found.names[side], found.names["b" if side == "a" else "a"]
        assert file is not None
        self._session.worker.run(
            lambda: as_csv(file, side, rows, names, others), partial(self._copied, len(rows)),
            lambda failure: self._session.notices.error(failure.text, failure.details),
        )  # fmt: skip

    def _copied(self, rows: int, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._session.notices.info(f"{rows:,} rows were copied as CSV.")

    # the run

    def _enable(self) -> None:
        two = self.shown is not None and bool(self.shown.b)
        self.parts.working(self.making.running, two=two, there=two and self.shown is not None and bool(self.shown.file))

    def _ended(self, text: str = "", *, error: bool = False) -> None:
        self._enable()
        if error:
            self._session.notices.error(f"The SAEs were not compared: {text}")
        self._ask()

    def _closed(self) -> None:
        self.making.close()
        self._going = None
        self._show_none(NO_STUDY)

    def _connect(self) -> None:
        session, parts = self._session, self.parts
        parts.a.activated.connect(lambda _: self._chosen())
        parts.b.activated.connect(lambda _: self._chosen())
        parts.swap.clicked.connect(self._swap)
        parts.compare.clicked.connect(self.compare)
        parts.stop.clicked.connect(self.making.stop)
        parts.side.activated.connect(lambda _: self._show_pairs(self.shown))
        parts.kept.activated.connect(lambda _: self._filter())
        parts.sort.activated.connect(lambda _: self._sort(str(parts.sort.currentData())))
        parts.search.textChanged.connect(lambda _: self._filter())
        parts.copy.clicked.connect(self.copy)
        parts.pairs.copy_wanted.connect(self.copy)
        parts.pairs.sort_asked.connect(self._sort)
        parts.pairs.row_changed.connect(self._tell)
        parts.pairs.feature_wanted.connect(self._go_to_feature)
        parts.pairs.nearest_wanted.connect(self._go_to_nearest)
        self.making.progressed.connect(parts.show_progress)
        self.making.made.connect(self._ended)
        self.making.stopped.connect(self._ended)
        self.making.failed.connect(partial(self._ended, error=True))
        session.reader.ready.connect(self._arrived)
        session.reader.failed.connect(self._failed)
        session.study_opened.connect(self._ask)
        session.study_refreshed.connect(self._ask)
        session.ranking_opened.connect(self._opened)
        session.watch.runs_changed.connect(self._ask)
        session.study_closing.connect(self.making.close)
        session.closing.connect(self.making.close)
        session.study_closed.connect(self._closed)
