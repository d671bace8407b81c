"""The tour is walked by keyboard and comes once by itself."""

from __future__ import annotations

from collections.abc import Callable

from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.restoring import Restoring
from ard_gui.services.crash import CrashGuard
from ard_gui.views.tour import STEPS, Tour
from backend.study.folder import Study

Make = Callable[..., MainWindow]


def tour_of(window: MainWindow) -> Tour:
    window.actions_table["help.tour"].trigger()
    found = window.findChild(Tour)
    assert found is not None
    return found


def test_keys_walk_through_all_steps(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    tour = tour_of(window)
    titles = [tour.title.text()]
    for _ in STEPS[1:]:
        QTest.keyClick(tour.next, Qt.Key.Key_Right)
        titles.append(tour.title.text())
    assert titles == [step.title for step in STEPS]
    QTest.keyClick(tour.next, Qt.Key.Key_Left)
    assert tour.title.text() == STEPS[-2].title
    QTest.keyClick(tour.next, Qt.Key.Key_Return)
    QTest.keyClick(tour.next, Qt.Key.Key_Return)
    until(lambda: window.findChild(Tour) is None)
    assert window.session.preferences.values.tour_seen


def test_every_shortcut_it_names_is_that_of_the_table(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    tour = tour_of(window)
    told = []
    for _ in STEPS:
        told.append(tour.text.text())
        tour.go_on()
    assert not any("{" in text for text in told)
    assert "Ctrl+K" in told[-1]
    assert "Ctrl+Z" in told[-2]


def test_card_stays_inside_the_window_at_any_size(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    tour = tour_of(window)
    for width, height in ((1440, 900), (900, 600), (700, 500)):
        window.resize(width, height)
        for number in range(len(STEPS)):
            tour._show(number)
            assert tour.rect().contains(tour.card.geometry()), (width, height, number)
    QTest.keyClick(tour.next, Qt.Key.Key_Escape)


def test_it_begins_by_itself_at_the_first_study_only(make_window: Make, tiny_study: Study) -> None:
    window = make_window()
    Restoring(window, CrashGuard(window.session.notices))
    window.open_study(tiny_study.root)
    until(lambda: window.findChild(Tour) is not None)
    tour = window.findChild(Tour)
    assert tour is not None
    tour.end()
    until(lambda: window.findChild(Tour) is None)
    window.session.close_study()
    window.open_study(tiny_study.root)
    until(lambda: window.session.lines is not None)
    assert window.findChild(Tour) is None
