"""Text that does not fit says so: by an ellipsis in what is shown, and whole in the tool tip."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from ard_gui.views.elided import ElidedLabel

TEXT = "A recording of a horse neighing beside a road"


@pytest.fixture
def label(application: QApplication) -> Iterator[ElidedLabel]:
    made = ElidedLabel(TEXT, lines=2)
    made.resize(made.fontMetrics().horizontalAdvance("A recording of a horse ne"), 2 * made.fontMetrics().height())
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_two_lines_are_used_where_there_is_height_for_them(label: ElidedLabel) -> None:
    assert len(label.shown) == 2
    assert not label.shown[0].endswith("…")
    assert label.heightForWidth(label.width()) == 2 * label.fontMetrics().height()


def test_two_lines_in_the_height_of_one_end_in_an_ellipsis(label: ElidedLabel) -> None:
    label.resize(label.width(), label.fontMetrics().height())
    (line,) = label.shown
    assert line.endswith("…")
    assert TEXT in label.toolTip()
    assert label.heightForWidth(label.width()) == 2 * label.fontMetrics().height()
