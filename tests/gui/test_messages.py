"""What went wrong is told in the window, with details to copy, and the window lives on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt, QTimer, qCritical, qWarning
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.services.crash import CrashGuard
from ard_gui.views.messages import Messages

Make = Callable[..., MainWindow]


@pytest.fixture
def guarded(make_window: Make, capsys: pytest.CaptureFixture[str]) -> Iterator[MainWindow]:
    """A window whose process is guarded as in `ard-gui`."""
    hooks = sys.excepthook, threading.excepthook
    window = make_window()
    guard = CrashGuard(window.session.notices)
    guard.begin()
    yield window
    guard.end()
    assert (sys.excepthook, threading.excepthook) == hooks
    assert not list(guard.marker.parent.glob("running-*"))


def messages(window: MainWindow) -> Messages:
    window.actions_table["help.notices"].trigger()
    found = QApplication.activeModalWidget()
    assert isinstance(found, Messages)
    return found


def test_errors_and_warnings_are_shown_until_dismissed_and_news_are_not(make_window: Make) -> None:
    window = make_window()
    bar = window.notice_bar
    window.session.notices.info("all is well")
    assert not bar.isVisible()
    window.session.notices.warning("the disk is nearly full")
    assert bar.isVisible()
    assert (bar.sign.text(), bar.text.text()) == ("Warning", "the disk is nearly full")
    window.session.notices.error("<b>it</b> is full")
    assert (bar.sign.text(), bar.text.text()) == ("Error", "<b>it</b> is full")
    assert bar.text.textFormat() == Qt.TextFormat.PlainText
    assert bar.more.text() == "All 2 messages …"
    QTest.mouseClick(bar.dismiss, Qt.MouseButton.LeftButton)
    assert not bar.isVisible()


def test_all_messages_have_details_to_copy_the_newest_first(make_window: Make) -> None:
    window = make_window()
    window.session.notices.info("first")
    window.session.notices.error("second", "Traceback: there")
    QTest.mouseClick(window.notice_bar.more, Qt.MouseButton.LeftButton)
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, Messages)
    assert ["second" in dialog.list.item(0).text(), "first" in dialog.list.item(1).text()] == [True, True]
    QTest.mouseClick(dialog.copy, Qt.MouseButton.LeftButton)
    copied = QGuiApplication.clipboard().text()
    assert all(part in copied for part in ("second", "Traceback: there", "python 3.", "numpy"))
    window.session.notices.warning("third")
    assert "third" in dialog.list.item(0).text()


def test_exception_in_a_slot_becomes_a_message_with_its_traceback(guarded: MainWindow) -> None:
    QTimer.singleShot(0, lambda: {}["no such key"])
    until(guarded.notice_bar.isVisible)
    assert "KeyError" in guarded.notice_bar.text.text()
    shown = messages(guarded)
    # Qt may have had a word to say since, which would be the newest
    shown.list.setCurrentItem(shown.list.findItems("KeyError", Qt.MatchFlag.MatchContains)[0])
    assert "test_messages.py" in shown.details.toPlainText()


def test_exception_in_a_thread_becomes_a_message(guarded: MainWindow) -> None:
    threading.Thread(target=lambda: 1 / 0).start()
    until(guarded.notice_bar.isVisible)
    assert "ZeroDivisionError" in guarded.notice_bar.text.text()


def test_words_of_qt_are_kept_and_only_grave_ones_shown(guarded: MainWindow) -> None:
    qWarning("a font is odd")
    until(lambda: any("a font is odd" in one.text for one in guarded.session.notices.all))
    assert not guarded.notice_bar.isVisible()
    qCritical("the screen is gone")
    until(guarded.notice_bar.isVisible)
    assert guarded.notice_bar.text.text() == "Qt: the screen is gone"


def test_message_of_many_letters_is_shortened_with_a_tool_tip(make_window: Make) -> None:
    window = make_window()
    window.session.notices.error("x" * 5000)
    assert len(window.notice_bar.text.text()) < 1000
    assert "x" * 5000 in window.notice_bar.text.toolTip()
