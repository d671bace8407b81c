"""Blind rating studies of the open study: make one, rate, see how far everybody is, take the raw ratings away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.actions import Actions
from ard_gui.services.rating_run import RatingRun, Services
from ard_gui.session import Session
from ard_gui.views.rating_form import RatingForm
from ard_gui.views.rating_steps import plain
from ard_gui.views.rating_window import RatingWindow
from backend.export.ratings import write_ratings
from backend.store.notes.notes import Notes
from backend.store.notes.rating_book import ItemRating, RatingBook
from backend.store.notes.rating_plan import RatingPlan
from backend.store.notes.registers import account_name
from backend.store.notes.schema import LONGEST_RATER, tidy_line

COLUMNS = ("study", "concepts", "yours", "others")
TOLD = "You hear the clips of a concept, give your own label, and only then see its automatic name and rate it."
EMPTY = f"No rating study yet. {TOLD} Make one with New."
CSV, JSON = "CSV (*.csv)", "JSON (*.json)"


@dataclass(frozen=True)
class _Study:
    """A plan, and how many items every rater has closed."""

    plan: RatingPlan
    done: dict[str, int]


class RatingView(QWidget):
    """Lists the rating studies; rating itself happens in a window of its own (`RatingWindow`)."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self._studies: list[_Study] = []
        self._wanted = ""
        self.window_: RatingWindow | None = None
        self.form: RatingForm | None = None
        self.dialog: QFileDialog | None = None
        self.rater = QLineEdit(session.preferences.values.author or account_name())
        self.table = QTableWidget(0, len(COLUMNS))
        self.note = plain()
        self.start, self.new = QPushButton("&Rate"), QPushButton("&New …")
        self.export, self.delete = QPushButton("&Export raw ratings …"), QPushButton("&Delete")
        self._build()
        session.notes.changed.connect(self.refresh)
        session.study_closing.connect(self._study_closing)
        self._show([])
        self.refresh()

    def chosen(self) -> RatingPlan | None:
        """The marked rating study."""
        row = self.table.currentRow()
        return self._studies[row].plan if 0 <= row < len(self._studies) else None

    def refresh(self) -> None:
        """Read the studies and their ratings anew."""
        if not self._session.notes.available:
            self._show([])
        else:
            self._session.notes.perform(_all_studies, self._show)

    def rate(self) -> None:
        """Open the rating window for the marked study and the typed rater."""
        plan, rater, found = self.chosen(), tidy_line(self.rater.text()), self._session.overview
        if plan is None or found is None or self.window_ is not None:
            return
        if not rater:
            self.rater.setFocus()
            return
        session = self._session
        services = Services(session.reader, session.notes, session.media, session.player)
        run = RatingRun(services, found.study, plan, rater)
        self.window_ = RatingWindow(session, run)
        self.window_.setGeometry(self.window().geometry())
        self.window_.closed.connect(self._rating_closed)
        self.window_.export_asked.connect(lambda: self.ask_for_file(plan, self.window_))
        self.window().installEventFilter(self)
        self.window_.begin()

    def make(self) -> None:
        """Ask for a new study."""
        if self._session.overview is not None:
            self.form = RatingForm(self, self._session)
            self.form.made.connect(self._made)
            self.form.open()

    def ask_for_file(self, plan: RatingPlan | None, parent: QWidget | None = None) -> None:
        """Ask where the raw ratings go."""
        if plan is None:
            return
        self.dialog = QFileDialog(parent or self, "Export raw ratings", "", f"{CSV};;{JSON}")
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.dialog.selectFile("ratings.csv")
        self.dialog.fileSelected.connect(lambda path: self.write(plan, Path(path)))
        self.dialog.open()

    def write(self, plan: RatingPlan, path: Path) -> None:
        """Write the raw ratings of all raters to .csv or .json."""
        path = path if path.suffix else path.with_suffix(".csv")
        session = self._session
        session.notes.perform(
            lambda notes: write_ratings(plan, RatingBook(notes).ratings(plan.key), path),
            lambda count: session.notices.info(f"{count} ratings written to {path}"),
        )

    def _build(self) -> None:
        self.rater.setAccessibleName("Rater")
        self.rater.setMaxLength(LONGEST_RATER)
        self.rater.setToolTip("Who rates: ratings are kept and counted by this name")
        self.rater.textChanged.connect(lambda _: self._fill())
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.setAccessibleName("Blind rating studies")
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.itemSelectionChanged.connect(self._enable)
        self.table.cellActivated.connect(lambda *_: self.rate())
        for button, act in (
            (self.start, self.rate), (self.new, self.make), (self.delete, self._delete),
            (self.export, lambda: self.ask_for_file(self.chosen())),
        ):  # fmt: skip
            button.clicked.connect(lambda _=False, act=act: act())
        who = QHBoxLayout()
        label = QLabel("R&ater")
        label.setBuddy(self.rater)
        who.addWidget(label)
        who.addWidget(self.rater, 1)
        below = QHBoxLayout()
        for button in (self.start, self.new, self.export, self.delete):
            below.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addLayout(who)
        layout.addWidget(self.note)
        layout.addWidget(self.table, 1)
        layout.addLayout(below)
        self.setFocusProxy(self.table)

    def _show(self, found: Sequence[_Study]) -> None:
        marked = self._wanted or (plan.key if (plan := self.chosen()) is not None else "")
        self._studies, self._wanted = list(found), ""
        self._fill()
        keys = [one.plan.key for one in self._studies]
        if keys:
            self.table.selectRow(keys.index(marked) if marked in keys else 0)
        self._enable()

    def _fill(self) -> None:
        rater = tidy_line(self.rater.text())
        self.table.setRowCount(len(self._studies))
        for row, one in enumerate(self._studies):
            total = len(one.plan.items)
            others = ", ".join(f"{name}: {done}" for name, done in one.done.items() if name != rater)
            methods = ", ".join(method.id for method in one.plan.methods)
            told = (
                f"{one.plan.name}\n{methods}\n{one.plan.concepts} concepts each, {one.plan.p} clips, "
                f"seed {one.plan.seed}, key {one.plan.key}"
            )
            for column, text in enumerate((one.plan.name, str(total), str(one.done.get(rater, 0)), others or "–")):
                item = QTableWidgetItem(text)
                item.setToolTip(told if column == 0 else text)
                self.table.setItem(row, column, item)
        self.note.setText(TOLD if self._studies else EMPTY)
        self._enable()

    def _enable(self) -> None:
        plan = self.chosen()
        for button in (self.start, self.export, self.delete):
            button.setEnabled(plan is not None)
        self.new.setEnabled(self._session.overview is not None)
        done = 0
        if plan is not None:
            done = self._studies[self.table.currentRow()].done.get(tidy_line(self.rater.text()), 0)
        self.start.setText("&Go on rating" if plan is not None and 0 < done < len(plan.items) else "&Rate")

    def _made(self, key: str) -> None:
        self._wanted = key
        self.refresh()

    def _delete(self) -> None:
        """Take the study away; Undo brings it back, with what was rated."""
        plan = self.chosen()
        if plan is not None:
            key = plan.key
            self._session.notes.write(lambda notes, _: RatingBook(notes).remove(key))

    def _rating_closed(self) -> None:
        closed, self.window_ = self.window_, None
        self.window().removeEventFilter(self)
        if closed is not None:
            closed.run.deleteLater()
            closed.deleteLater()
        self.refresh()

    def _study_closing(self) -> None:
        if self.window_ is not None:
            self.window_.close()
        self._show([])

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        # the main window cannot go while its rating window stays
        if event.type() == QEvent.Type.Close and watched is self.window() and self.window_ is not None:
            self.window_.close()
        return super().eventFilter(watched, event)


def _all_studies(notes: Notes) -> list[_Study]:
    book = RatingBook(notes)
    return [_Study(plan, _done(book.ratings(plan.key))) for plan in book.studies()]


def _done(ratings: Sequence[ItemRating]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in ratings:
        found[one.rater] = found.get(one.rater, 0) + one.closed
    return found
