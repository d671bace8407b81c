"""What the marked runs were made with, beside each other, with their differences."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFont, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.run_settings import SettingsTable, settings_table
from ard_gui.session import Session
from ard_gui.state.run_words import when
from ard_gui.state.runs import RunShown
from ard_gui.theme import row_height
from ard_gui.views.flow import FlowLayout
from ard_gui.views.plain_text import tip

READING = "settings of runs"
MOST_RUNS = 8
LETTERS = 22
"""Width of a run's column, in mean letters."""


class SettingsTab(QWidget):
    """`show_runs` with the marked ones; reads only while it can be seen."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._chosen = session, session.runs_chosen
        self.runs: tuple[RunShown, ...] = ()
        self._asked: tuple[tuple[str, str], ...] | None = None
        self.table: SettingsTable | None = None
        self.field, self.only = QLineEdit(), QCheckBox("Only &differences")
        self.note, self.values = QLabel(), QTableWidget()
        self._build()
        session.reader.ready.connect(self._arrived)
        session.reader.failed.connect(self._failed)

    def show_runs(self, runs: list[RunShown]) -> None:
        """Show these, the first `MOST_RUNS` of them; a request that has not been run has no settings yet."""
        self.runs = tuple(one for one in runs if one.run)[:MOST_RUNS]
        self._left_out = len(runs) - len(self.runs)
        if self.isVisible():
            self.read()

    def read(self) -> None:
        """Read what is not shown yet."""
        found, wanted = self._session.overview, tuple((one.run, one.state) for one in self.runs)
        if found is None or not wanted:
            self._asked, self.table = None, None
            self._fill()
        elif wanted != self._asked:
            self._asked = wanted
            study, names = found.study, [one.run for one in self.runs]
            self._session.reader.ask(READING, lambda: settings_table(study, names))

    def restored(self) -> None:
        """Another study's choices are in place."""
        self.only.setChecked(self._chosen.now.only_differences)

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == READING and self._asked is not None and result.runs == tuple(run for run, _ in self._asked):
            self.table = result
            self._fill()

    def _failed(self, kind: str, message: str) -> None:
        if kind == READING:
            self.note.setText(message)

    def _fill(self) -> None:
        table = self.table
        self.values.setVisible(table is not None)
        if table is None:
            self.note.setText(
                "Choose a run in the list; mark two or more to compare them. One that waits has none yet."
            )
            self.note.show()
            return
        many, sought = len(table.runs) > 1, self.field.text().casefold().split()
        rows = [one for one in table.rows if not many or not self.only.isChecked() or len(set(one[1])) > 1]
        rows = [one for one in rows if all(word in f"{one[0]} {' '.join(one[1])}".casefold() for word in sought)]
        self.values.setColumnCount(len(table.runs))
        self.values.setRowCount(len(rows))
        self.values.setHorizontalHeaderLabels([self._head(run) for run in table.runs])
        self.values.setVerticalHeaderLabels([name for name, _ in rows])
        bold = QFont(self.values.font())
        bold.setBold(True)
        for row, (name, values) in enumerate(rows):
            differs = many and len(set(values)) > 1
            for column, value in enumerate(values):
                item = QTableWidgetItem(" ".join(value.split()))
                item.setToolTip(tip(f"{name} = {value}", "The runs differ here." if differs else ""))
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}: {value}{', differs' if differs else ''}")
                if differs:
                    item.setFont(bold)
                    item.setBackground(self.palette().alternateBase())
                self.values.setItem(row, column, item)
        self._size_columns()
        self._tell(len(rows), sum(len(set(values)) > 1 for _, values in table.rows) if many else 0)

    def _tell(self, rows: int, differences: int) -> None:
        assert self.table is not None
        parts = [*self.table.problems]
        if len(self.table.runs) > 1:
            parts.append(f"{differences} of {len(self.table.rows)} values differ (bold).")
        if self._left_out:
            parts.append(f"{self._left_out} of the marked are not shown: not run yet, or more than {MOST_RUNS}.")
        if not rows and not parts:
            parts.append("Nothing matches.")
        self.note.setText(" ".join(parts))
        self.note.setVisible(bool(parts))

    def _head(self, run: str) -> str:
        row = next((one for one in self.runs if one.run == run), None)
        return run if row is None else f"{when(row.started)}\n{row.command.split(' ')[1]}"

    def _size_columns(self) -> None:
        header = self.values.horizontalHeader()
        one = self.values.columnCount() == 1
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch if one else QHeaderView.ResizeMode.Interactive)
        if not one:
            header.setDefaultSectionSize(self.fontMetrics().averageCharWidth() * LETTERS)
        self.values.verticalHeader().setDefaultSectionSize(row_height(self))

    def _differences(self, on: bool) -> None:
        self._chosen.now.only_differences = on
        self._fill()

    def _copy(self) -> None:
        items = sorted(self.values.selectedItems(), key=lambda one: (one.row(), one.column()))
        lines: dict[int, list[str]] = {}
        for one in items:
            lines.setdefault(one.row(), [self.values.verticalHeaderItem(one.row()).text()]).append(one.text())
        QGuiApplication.clipboard().setText("\n".join("\t".join(line) for line in lines.values()))

    def _build(self) -> None:
        self._left_out = 0
        self.field.setPlaceholderText("Search settings")
        self.field.setAccessibleName("Search settings")
        self.field.setClearButtonEnabled(True)
        self.field.setMinimumWidth(self.fontMetrics().averageCharWidth() * 24)
        self.field.textChanged.connect(lambda _: self._fill())
        self.only.setToolTip("Show only what is not the same in all marked runs.")
        self.only.toggled.connect(self._differences)
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.note.setAccessibleName("State of the comparison")
        self.values.setAccessibleName("Settings and figures of the runs")
        self.values.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.values.setTabKeyNavigation(False)
        self.values.setWordWrap(False)
        QShortcut(QKeySequence.StandardKey.Copy, self.values, self._copy, context=Qt.ShortcutContext.WidgetShortcut)
        heads = QWidget()
        flow = FlowLayout(heads)
        flow.addWidget(self.field)
        flow.addWidget(self.only)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(4)
        layout.addWidget(heads)
        layout.addWidget(self.note)
        layout.addWidget(self.values, 1)
        self._fill()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self.read()

    def theme_changed(self) -> None:
        """Colours of its own."""
        self._fill()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fill()
