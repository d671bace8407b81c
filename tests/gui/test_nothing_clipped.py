"""At every text size and scale of the display, what stands on labels and buttons fits into them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gui.fitting import clipped
from gui.waiting import until
from gui.walking import first_card, opened, walked
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.theme import apply_theme
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture
def usual_text(application: QApplication) -> Iterator[None]:
    yield
    apply_theme(application, "light")


@pytest.mark.parametrize(
    ("points", "docks"),
    [(6, ("lists", "runs")), (9, ("lists", "runs")), (14, ("lists", "runs")), (20, ("lists",)), (32, ("runs",))],
)
def test_nothing_is_clipped_at_any_text_size(
    make_window: Make, tiny_study: Study, usual_text: None, points: float, docks: tuple[str, ...]
) -> None:
    window = opened(make_window(), tiny_study)
    for dock in docks:
        window.show_dock(dock)
    window.session.preferences.set("font_points", float(points))
    first_card(window)
    until(lambda: window.page.transport.time.font().pointSizeF() == points)
    with suppress(AssertionError):
        until(lambda: not clipped(window), 5)
    assert clipped(window) == []
    assert window.docks["concepts"].font().pointSizeF() == points
    bar = window.statusBar()
    until(lambda: bar.height() >= bar.fontMetrics().height())


@pytest.mark.parametrize("scale", ["1.5", "2", "3"])
def test_nothing_is_clipped_at_any_scale_of_the_display(tiny_study: Study, scale: str) -> None:
    walked(
        str(tiny_study.root), env=os.environ | {"QT_SCALE_FACTOR": scale}, ready="not clipped(window)",
        before=f"sys.path.insert(0, {str(Path(__file__).parents[1])!r})\nfrom gui.fitting import clipped",
    )  # fmt: skip
