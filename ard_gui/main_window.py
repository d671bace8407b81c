"""The window: features on the left, the chosen feature on the right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMainWindow,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.services.reader import Reader
from ard_gui.services.study_reading import FeatureLines, OpenRanking, Overview, overview
from ard_gui.views.feature_page import FeaturePage
from ard_gui.views.features_table import FeatureTableModel
from backend.errors import ArdError
from backend.store.filter import compile_filter

NAME_WIDTH = 220


class MainWindow(QMainWindow):
    """Browses one study. All reading goes through `reader`; nothing here opens a file."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("ARD")
        self.resize(1280, 800)
        self.reader = Reader()
        self.reader.ready.connect(self._arrived)
        self.reader.failed.connect(self._failed)
        self.overview: Overview | None = None
        self.ranking: OpenRanking | None = None
        self.model = FeatureTableModel()
        self.table = QTableView()
        self.page = FeaturePage()
        self.rankings = QComboBox()
        self.filter = QLineEdit()
        self.note = QLabel()
        self._build()
        self._actions()

    def open_study(self, root: Path) -> None:
        """Show the study at `root`, as soon as it has been read."""
        self.statusBar().showMessage(f"Reading {root} …")
        self.reader.ask("overview", lambda: overview(root))

    def choose_feature(self, feature: int) -> None:
        """Select a feature in the table; the filter is cleared if it hides it."""
        if self.model.row_of(feature) < 0:
            self.filter.clear()
        row = self.model.row_of(feature)
        if row >= 0:
            index = self.model.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(index, flags)
            self.table.scrollTo(index)

    def _build(self) -> None:
        self.table.setModel(self.model)
        self.table.setAccessibleName("Features")
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setAlternatingRowColors(True)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.table.horizontalHeader().setDefaultSectionSize(86)
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.filter.setPlaceholderText('Filter, e.g. support > 20 and status == "ok"')
        self.filter.setAccessibleName("Filter")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter_changed)
        self.rankings.setAccessibleName("SAE")
        self.rankings.activated.connect(lambda _: self._open_ranking(self.rankings.currentText()))
        self.note.setWordWrap(True)
        self.page.neighbour_chosen.connect(self.choose_feature)
        top = QHBoxLayout()
        top.addWidget(QLabel("SAE"))
        top.addWidget(self.rankings, 1)
        left = QWidget()
        layout = QVBoxLayout(left)
        layout.addLayout(top)
        for widget in (self.filter, self.note):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)
        splitter = QSplitter()
        splitter.addWidget(left)
        splitter.addWidget(self.page)
        splitter.setSizes([730, 550])
        self.setCentralWidget(splitter)
        self.note.setText("No study open. File › Open study …")

    def _actions(self) -> None:
        menu = self.menuBar().addMenu("&File")
        opening = QAction("&Open study …", self)
        opening.setShortcut(QKeySequence.StandardKey.Open)
        opening.triggered.connect(self._ask_for_study)
        leaving = QAction("&Quit", self)
        leaving.setShortcut(QKeySequence.StandardKey.Quit)
        leaving.triggered.connect(self.close)
        menu.addActions([opening, leaving])

    def _ask_for_study(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Open study")
        if chosen:
            self.open_study(Path(chosen))

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == "overview":
            self._show_overview(result)
        elif kind == "ranking":
            self._show_ranking(result)
        elif kind == "feature":
            self._show_feature(result)

    def _failed(self, kind: str, message: str) -> None:
        self.note.setText(message)
        self.statusBar().showMessage("That did not work", 5000)

    def _show_overview(self, found: Overview) -> None:
        self.overview = found
        self.setWindowTitle(f"{found.study.root.name} – ARD")
        self.rankings.clear()
        self.rankings.addItems(found.rankings)
        unread = f", {found.unreadable} unreadable" if found.unreadable else ""
        self.statusBar().showMessage(f"{found.clips} clips{unread}")
        if found.rankings:
            self._open_ranking(found.rankings[0])
        else:
            self.ranking = None
            self.model.show_columns({})
            self.note.setText("This study has no ranked features yet. Run: ard run")

    def _open_ranking(self, name: str) -> None:
        if self.overview is not None and name:
            study = self.overview.study
            self.reader.ask("ranking", lambda: OpenRanking(study, name))

    def _show_ranking(self, ranking: OpenRanking) -> None:
        self.ranking = ranking
        self.rankings.setCurrentText(ranking.name)
        self.model.show_columns(ranking.columns, ranking.titles)
        if "name" in ranking.columns:
            self.table.horizontalHeader().resizeSection(list(ranking.columns).index("name"), NAME_WIDTH)
        self._filter_changed(self.filter.text())
        if self.model.rowCount():
            self.choose_feature(self.model.feature(0))

    def _filter_changed(self, text: str) -> None:
        if self.ranking is None:
            return
        try:
            mask = compile_filter(text).mask(self.ranking.columns) if text.strip() else None
        except ArdError as error:
            self.note.setText(str(error))
            return
        self.model.keep(mask)
        total = len(next(iter(self.ranking.columns.values())))
        self.note.setText(f"{self.model.rowCount()} of {total} features")

    def _row_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if self.ranking is not None and current.isValid():
            ranking, feature = self.ranking, self.model.feature(current.row())
            self.reader.ask("feature", lambda: ranking.lines(feature))

    def _show_feature(self, lines: FeatureLines) -> None:
        self.page.show_feature(lines)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self.reader.close()
        super().closeEvent(event)
