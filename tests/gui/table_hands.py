"""A person's hands at the concepts table: where things are, and how they are pressed."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from gui.waiting import until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.main_window import MainWindow
from ard_gui.views.concepts import ConceptsView

Widget = TypeVar("Widget", bound=QWidget)
LEFT = Qt.MouseButton.LeftButton


def concepts(window: MainWindow) -> ConceptsView:
    """The table of a window, once its texts can be searched."""
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    until(lambda: view._rows._search is not None)
    return view


def shown(view: ConceptsView) -> list[int]:
    """Feature numbers from top to bottom."""
    return [int(k) for k in view.model.rows]


def column(window: MainWindow, name: str) -> np.ndarray:
    assert window.session.ranking is not None
    return window.session.ranking.columns[name]


def click_cell(
    view: ConceptsView, row: int, name: str, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    index = view.model.index(row, view.model.names.index(name))
    QTest.mouseClick(view.table.viewport(), LEFT, keys, view.table.visualRect(index).center())


def click_title(view: ConceptsView, name: str) -> None:
    header = view.table.header
    x = header.sectionViewportPosition(view.model.names.index(name)) + 12
    QTest.mouseClick(header.viewport(), LEFT, pos=QPoint(x, header.height() // 2))


def dialog(kind: type[Widget]) -> Widget:
    """The open dialog of this kind."""
    found = [one for one in QApplication.topLevelWidgets() if isinstance(one, kind) and one.isVisible()]
    assert len(found) == 1
    return found[0]
