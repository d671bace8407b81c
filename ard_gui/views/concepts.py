"""The table of features with what narrows and orders it."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.views.features_table import FeatureTableModel
from backend.errors import ArdError
from backend.store.filter import compile_filter

NAME_WIDTH = 220


class ConceptsView(QWidget):
    """Shows the features of the session's ranking; choosing a row chooses the feature."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self.model = FeatureTableModel()
        self.table = QTableView()
        self.rankings = QComboBox()
        self.filter = QLineEdit()
        self.note = QLabel()
        self._build()
        actions.attach(self.table)
        actions.bind("go.filter", self.filter.setFocus)
        actions.bind("go.table", self.table.setFocus)
        session.study_opened.connect(self._study_opened)
        session.ranking_opened.connect(self._ranking_opened)
        session.opening_failed.connect(self.note.setText)
        session.selection.feature_changed.connect(self._show_choice)

    def _build(self) -> None:
        self.table.setModel(self.model)
        self.table.setAccessibleName("Features")
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setAlternatingRowColors(True)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.table.horizontalHeader().setDefaultSectionSize(86)
        self.table.selectionModel().currentRowChanged.connect(self._row_changed)
        self.filter.setPlaceholderText('Filter, e.g. support > 20 and status == "ok"')
        self.filter.setAccessibleName("Filter expression")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter_changed)
        self.rankings.setAccessibleName("SAE")
        self.rankings.activated.connect(lambda _: self._session.open_ranking(self.rankings.currentText()))
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.addWidget(QLabel("SAE"))
        top.addWidget(self.rankings, 1)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        for widget in (self.filter, self.note):
            layout.addWidget(widget)
        layout.addWidget(self.table, 1)

    def _study_opened(self) -> None:
        found = self._session.overview
        assert found is not None
        self.rankings.clear()
        self.rankings.addItems(found.rankings)
        if not found.rankings:
            self.model.show_columns({})
            self.note.setText("This study has no ranked features yet. Run: ard run")

    def _ranking_opened(self) -> None:
        ranking = self._session.ranking
        assert ranking is not None
        self.rankings.setCurrentText(ranking.name)
        self.model.show_columns(ranking.columns, ranking.titles)
        if "name" in ranking.columns:
            self.table.horizontalHeader().resizeSection(list(ranking.columns).index("name"), NAME_WIDTH)
        self._filter_changed(self.filter.text())
        if self.model.rowCount():
            self._session.selection.choose(self.model.feature(0))

    def _filter_changed(self, text: str) -> None:
        ranking = self._session.ranking
        if ranking is None:
            return
        try:
            mask = compile_filter(text).mask(ranking.columns) if text.strip() else None
        except ArdError as error:
            self.note.setText(str(error))
            return
        self.model.keep(mask)
        total = len(next(iter(ranking.columns.values())))
        self._session.shown = tuple(self.model.feature(row) for row in range(self.model.rowCount()))
        self.note.setText(f"{self.model.rowCount()} of {total} features")

    def _row_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._session.selection.choose(self.model.feature(current.row()), step=True)

    def _show_choice(self, feature: int) -> None:
        if feature < 0:
            return
        if self.model.row_of(feature) < 0:
            self.filter.clear()
        row = self.model.row_of(feature)
        if row >= 0 and row != self.table.currentIndex().row():
            index = self.model.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
            self.table.selectionModel().setCurrentIndex(index, flags)
            self.table.scrollTo(index)
