"""The picture of a model's layers: by mouse, by keys, and for who cannot see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QRectF, Qt
from PySide6.QtGui import QHelpEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from ard_gui.state.layer_choice import LayerChoice
from ard_gui.theme import apply_theme
from ard_gui.views.new_study_parts.stack_picture import StackPicture

Key = Qt.Key
LEFT = Qt.MouseButton.LeftButton
SHIFT, NONE = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
BUILTIN = [
    {"name": "decoder", "layers": 8, "d": 256, "tokens_per_second": 25.0, "usual": True},
    {"name": "encoder", "layers": 2, "d": 384, "tokens_per_second": 50.0, "usual": False},
]
LARGE = [
    {"name": name, "layers": 64, "d": 4096, "tokens_per_second": None, "usual": False} for name in ("encoder", "x")
]


@pytest.fixture
def picture(application: QApplication) -> Iterator[StackPicture]:
    found = StackPicture()
    found.set_stacks(BUILTIN)
    found.show()
    yield found
    found.close()
    found.deleteLater()


def click(picture: StackPicture, layer: str, modifier: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseClick(picture, LEFT, modifier, picture.place_of(layer).center().toPoint())


def press(picture: StackPicture, *keys: Qt.Key, modifier: Qt.KeyboardModifier = NONE) -> None:
    for key in keys:
        QTest.keyClick(picture, key, modifier)


def pixels(picture: StackPicture, layer: str) -> set[int]:
    image, place = picture.grab().toImage(), picture.place_of(layer).toRect().adjusted(3, 3, -3, -3)
    return {image.pixel(x, y) for x in range(place.left(), place.right()) for y in range(place.top(), place.bottom())}


def test_a_click_chooses_a_layer_and_another_takes_it_away(picture: StackPicture) -> None:
    told: list[list[str]] = []
    picture.changed.connect(lambda: told.append(picture.layers()))
    before = pixels(picture, "decoder.3")
    click(picture, "decoder.3")
    click(picture, "encoder.1")
    click(picture, "decoder.0")
    assert picture.layers() == ["encoder.1", "decoder.0", "decoder.3"]
    assert pixels(picture, "decoder.3") != before
    click(picture, "decoder.3")
    assert told == [["decoder.3"], ["encoder.1", "decoder.3"], ["encoder.1", "decoder.0", "decoder.3"],
                    ["encoder.1", "decoder.0"]]  # fmt: skip
    QTest.mouseClick(picture, LEFT, NONE, QPoint(1, 1))
    assert len(told) == 4


def test_shift_chooses_a_range_and_takes_one_away(picture: StackPicture) -> None:
    click(picture, "decoder.2")
    click(picture, "decoder.5", SHIFT)
    assert picture.layers() == [f"decoder.{number}" for number in (2, 3, 4, 5)]
    click(picture, "decoder.4")
    click(picture, "decoder.3", SHIFT)
    assert picture.layers() == ["decoder.2", "decoder.5"]
    click(picture, "encoder.0", SHIFT)
    assert "encoder.0" not in picture.layers()


def test_keys_reach_every_layer(picture: StackPicture) -> None:
    picture.set_layers(["encoder.0"])
    press(picture, Key.Key_Right, Key.Key_Up, Key.Key_Space)
    assert picture.layers() == ["encoder.0", "decoder.1"]
    press(picture, Key.Key_End, Key.Key_Space, Key.Key_Home, Key.Key_Down)
    press(picture, Key.Key_Up, Key.Key_Up, Key.Key_Up, modifier=SHIFT)
    assert picture.layers() == ["encoder.0", *(f"decoder.{number}" for number in (0, 1, 2, 3, 7))]
    press(picture, Key.Key_Left, Key.Key_Left, Key.Key_Space)
    assert "encoder.1" in picture.layers()


def test_who_cannot_see_it_is_told_what_is_chosen_and_where_the_keyboard_is(picture: StackPicture) -> None:
    assert picture.accessibleName() == "Layers of the model"
    assert picture.accessibleDescription() == "No layer is chosen. At encoder.0, not chosen."
    press(picture, Key.Key_Space, Key.Key_Up)
    assert picture.accessibleDescription() == "Chosen: encoder.0. At encoder.1, not chosen."
    empty = StackPicture()
    assert empty.accessibleDescription() == "No model has been looked at yet."
    press(empty, Key.Key_Space, Key.Key_Up, Key.Key_End)
    assert empty.layers() == []
    empty.deleteLater()


def test_another_model_keeps_the_layers_that_it_has_too(picture: StackPicture) -> None:
    picture.set_layers(["decoder.7", "1", "last", "decoder.99", "nonsense", "encoder.0"])
    assert picture.layers() == ["encoder.0", "decoder.1", "decoder.7"]
    picture.set_stacks([])
    assert picture.layers() == ["encoder.0", "decoder.1", "decoder.7"]
    picture.set_stacks([{**BUILTIN[0], "layers": 4}])
    assert picture.layers() == ["decoder.1"]
    picture.set_stacks([])
    picture.set_layers(["last"])
    picture.set_stacks(BUILTIN)
    assert picture.layers() == ["decoder.7"]


def test_a_tool_tip_says_everything_about_a_layer_also_its_share(picture: StackPicture) -> None:
    picture.set_shares({"decoder.3": 0.75})
    point = picture.place_of("decoder.3").center().toPoint()
    QApplication.sendEvent(picture, QHelpEvent(QEvent.Type.ToolTip, point, picture.mapToGlobal(point)))
    assert "decoder.3: the output of block 4 of 8, d = 256, 25 tokens a second of sound. 75% of" in QToolTip.text()
    QToolTip.hideText()


@pytest.mark.parametrize(("theme", "points"), [("light", 0.0), ("dark", 22.0), ("high contrast", 14.0)])
def test_64_layers_lie_beside_one_another_inside_the_picture(
    application: QApplication, picture: StackPicture, theme: str, points: float
) -> None:
    try:
        apply_theme(application, theme, points)
        picture.set_stacks(LARGE)
        picture.resize(picture.sizeHint())
        places = [picture.place_of(f"{name}.{number}") for name in ("encoder", "x") for number in range(64)]
        assert all(QRectF(picture.rect()).contains(place) for place in places)
        assert not any(a.intersects(b) for i, a in enumerate(places) for b in places[:i])
        assert places[1].top() < places[0].top()
        assert places[16].bottom() == places[0].bottom()
        picture.set_layers(["encoder.0"])
        assert pixels(picture, "encoder.0") != pixels(picture, "encoder.1")
    finally:
        apply_theme(application, "light")


@given(st.lists(st.tuples(st.sampled_from(["toggle", "extend", "go"]), st.integers(0, 9)), max_size=12))
def test_whatever_hands_do_the_choice_is_made_of_layers_that_exist(done: list[tuple[str, int]]) -> None:
    choice = LayerChoice()
    choice.set_stacks(BUILTIN)
    blocks = choice.blocks()
    for what, number in done:
        act: Any = getattr(choice, what)
        act(blocks[number])
        assert choice.at == blocks[number]
        assert choice.chosen <= set(blocks)
        again = LayerChoice()
        again.set_stacks(BUILTIN)
        again.set_layers(choice.layers())
        assert again.layers() == choice.layers()
