"""The slider of a steered feature by mouse and keys, and what stands behind its handle."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.services.activation_histogram import BINS, Activations, activations
from ard_gui.theme import colours
from ard_gui.views.steering.feature_slider import FeatureSlider
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def slider(application: QApplication) -> Iterator[FeatureSlider]:
    found = FeatureSlider()
    found.resize(410, 50)
    found.show()
    yield found
    found.close()
    found.deleteLater()


def at(slider: FeatureSlider, amount: float) -> QPoint:
    return QPoint(round(slider.x_of(amount)), slider.ground.center().y())


def test_drag_moves_the_handle_to_the_mouse(slider: FeatureSlider) -> None:
    moved: list[float] = []
    done: list[bool] = []
    slider.moved.connect(moved.append)
    slider.let_go.connect(lambda: done.append(True))
    QTest.mousePress(slider, LEFT, pos=at(slider, 1.0))
    QTest.mouseMove(slider, at(slider, 2.0))
    QTest.mouseMove(slider, at(slider, 3.0))
    assert not done
    QTest.mouseRelease(slider, LEFT, pos=at(slider, 3.0))
    assert moved == pytest.approx([2.0, 3.0])
    assert done == [True]


def test_keys_go_by_steps_pages_to_zero_and_to_the_far_end(slider: FeatureSlider) -> None:
    slider.show_amount(1.0, relative=True, negative=True)
    for key, amount in (
        (Qt.Key.Key_Right, 1.1), (Qt.Key.Key_Left, 1.0), (Qt.Key.Key_PageUp, 1.5), (Qt.Key.Key_PageDown, 1.0),
        (Qt.Key.Key_Home, 0.0), (Qt.Key.Key_Left, -0.1), (Qt.Key.Key_End, 4.0),
    ):  # fmt: skip
        QTest.keyClick(slider, key)
        assert slider.amount == pytest.approx(amount)


def test_double_click_goes_back_to_where_it_stood_at_first(slider: FeatureSlider) -> None:
    slider.show_amount(3.0, relative=True, negative=False)
    QTest.mouseDClick(slider, LEFT, pos=at(slider, 3.0))
    assert slider.amount == 1.0


def test_far_end_follows_an_amount_beyond_it(slider: FeatureSlider) -> None:
    slider.show_amount(9.0, relative=True, negative=False)
    assert (slider.minimum(), slider.maximum()) == (0, 16 * 20)
    slider.show_amount(1.0, relative=True, negative=True)
    assert (slider.minimum(), slider.maximum()) == (-4 * 20, 4 * 20)


def test_amount_that_is_shown_is_not_told_back(slider: FeatureSlider) -> None:
    moved: list[float] = []
    slider.moved.connect(moved.append)
    slider.show_amount(2.0, relative=True, negative=False)
    assert moved == []


def test_wheel_in_passing_changes_nothing(slider: FeatureSlider) -> None:
    place, none = QPointF(at(slider, 1.0)), Qt.KeyboardModifier.NoModifier
    event = QWheelEvent(
        place, place, QPoint(0, 120), QPoint(0, 120), Qt.MouseButton.NoButton, none, Qt.ScrollPhase.NoScrollPhase, False
    )
    QApplication.sendEvent(slider, event)
    assert (slider.amount, event.isAccepted()) == (1.0, False)


def test_bars_stand_up_to_the_maximum_and_nowhere_else(slider: FeatureSlider) -> None:
    slider.show_amount(0.0, relative=True, negative=False)
    empty = slider.grab().toImage()
    slider.show_activations(Activations(1, np.ones(BINS, np.int64), 2.0, "active clips"))
    picture = slider.grab().toImage()
    ratio, y = picture.devicePixelRatio(), slider.ground.center().y()
    inside, outside = (round(slider.x_of(amount) * ratio) for amount in (0.6, 1.5))
    row = round(y * ratio)
    assert picture.pixelColor(inside, row) != empty.pixelColor(inside, row)
    assert picture.pixelColor(outside, row) == empty.pixelColor(outside, row)
    assert colours().plot


def test_histogram_counts_each_active_clip_once_by_its_largest_value(made_study: Study) -> None:
    with RetrievalFile(made_study.retrieval(made_study.feature_ids()[0])) as file:
        table = file.table()
        feature = int(table["support"].argmax())
        found = activations(file, feature, float(table["max"][feature]))
        assert found.counts.sum() == table["support"][feature]
        assert found.counts[-1] >= 1
        assert activations(file, feature, float("nan")).counts.sum() == 0
