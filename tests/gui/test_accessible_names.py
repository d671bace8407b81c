"""Whoever cannot see the window is told what each control is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QLineEdit, QScrollBar, QTabBar, QWidget

from ard_gui.docks import DOCKS
from ard_gui.main_window import MainWindow
from backend.study.folder import Study

Make = Callable[..., MainWindow]
DIALOGS = (
    "view.palette", "help.shortcuts", "edit.preferences", "help.notices", "help.about", "file.new", "file.relink",
)  # fmt: skip


def nameless(top: QWidget) -> list[str]:
    """Controls that take the keyboard and have neither an accessible name nor a text of their own."""
    found = []
    for widget in top.findChildren(QWidget):
        inner = isinstance(widget.parent(), (QAbstractSpinBox, QComboBox)) and isinstance(widget, QLineEdit)
        inner = inner or isinstance(widget.parent().parent(), QComboBox)
        own = widget.objectName().startswith("qt_") or inner or isinstance(widget, (QScrollBar, QTabBar))
        if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or own or "Private" in widget.metaObject().className():
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        name = widget.accessibleName() or (interface.text(QAccessible.Text.Name) if interface else "")
        if not name.strip():
            parent = type(widget.parent()).__name__
            found.append(f"{type(widget).__name__} {widget.objectName()!r} in {parent}")
    return found


def test_every_control_of_the_window_and_its_panels_has_a_name(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    for dock in DOCKS:
        window.show_dock(dock.id)
        QApplication.processEvents()
    window.session.notices.error("something", "details")
    window.notice_bar.offer("go on?", "Restore", lambda: None)
    assert nameless(window) == []


@pytest.mark.parametrize("action", DIALOGS)
def test_every_control_of_a_dialog_has_a_name(make_window: Make, tiny_study: Study, action: str) -> None:
    window = make_window(tiny_study)
    window.actions_table[action].trigger()
    until(lambda: QApplication.activeModalWidget() is not None)
    dialog = QApplication.activeModalWidget()
    assert dialog is not None
    assert dialog.windowTitle()
    assert nameless(dialog) == []
    dialog.close()


def test_a_control_without_a_name_is_found(application: QApplication) -> None:
    top = QWidget()
    QLineEdit(top)
    named = QLineEdit(top)
    named.setAccessibleName("Search")
    assert nameless(top) == ["QLineEdit '' in QWidget"]
