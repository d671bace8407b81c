"""The feature page in the real window: cards, head, manifests; by keys and by mouse."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gui.waiting import until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea

from ard_gui.main_window import MainWindow
from ard_gui.views.clip_card import ClipCard
from ard_gui.views.clip_cards import ClipCards
from ard_gui.views.clip_features_menu import ClipFeaturesMenu
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.manifest_dialog import ManifestDialog
from backend.store.clip_key import clip_key
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

Make = Callable[..., MainWindow]


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    """A copy of the tiny study that may be written to."""
    return Study(Path(shutil.copytree(tiny_study.root, tmp_path / "study")))


@pytest.fixture
def feature(study: Study) -> int:
    """The feature with the largest support."""
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        return int(file.table()["support"].argmax())


@pytest.fixture
def window(make_window: Make, study: Study, feature: int) -> MainWindow:
    made = make_window(study, feature)
    until(lambda: made.page.feature == feature and bool(made.page.cards.cards()))
    return made


def cards(window: MainWindow) -> ClipCards:
    return window.page.cards


def press(window: MainWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    cards(window).setFocus()
    QTest.keyClick(cards(window), key, modifier)


def current(window: MainWindow) -> ClipCard:
    found = cards(window).current_card()
    assert found is not None
    return found


def pictured(window: MainWindow) -> bool:
    return all(card.canvas.scene.pictures for card in cards(window).cards())


def test_every_group_is_there_and_says_what_it_is(window: MainWindow) -> None:
    groups = cards(window).groups
    assert groups[0].id == "most"
    assert {"most", "quantile", "least", "random", "hard"} >= {one.id for one in groups}
    assert {"least", "random", "hard"} <= {one.id for one in groups}
    assert all(one.told for one in groups)


def test_card_shows_picture_trace_and_numbers(window: MainWindow) -> None:
    until(lambda: pictured(window))
    card, line = cards(window).cards()[0], cards(window).groups[0].lines[0]
    assert card.line is line
    assert card.canvas.scene.seconds == pytest.approx(line.media.duration, abs=0.01)  # type: ignore[union-attr]
    np.testing.assert_array_equal(card.canvas.scene.traces[0].value, line.trace.value)
    assert card.canvas.scene.upper == pytest.approx(float(window.session.lines.figures["max"]))  # type: ignore[union-attr]
    assert f"T {line.tokens}" in card.figures.text()
    assert f"μ {line.mean:.4g}" in card.figures.text()
    assert f"c {line.coverage:.4g}" in card.figures.text()
    assert card.accessibleName() == f"Most 1: {line.name}"


def test_only_cards_on_the_screen_exist_however_long_the_list(window: MainWindow) -> None:
    shown = cards(window)
    for number in range(len(shown.groups)):
        shown.show_more(number)
    total = sum(row.kind == "card" for row in shown.rows)
    bar = shown.verticalScrollBar()
    for value in range(0, bar.maximum() + 1, 200):
        bar.setValue(value)
    made = len(shown.viewport().findChildren(ClipCard))
    fits = shown.viewport().height() // shown.row_height("card") + 2
    assert total > 2 * fits
    assert made <= fits + 1


def test_scrolled_card_shows_the_clip_of_its_row(window: MainWindow) -> None:
    shown = cards(window)
    for value in (300, 900, 0, shown.verticalScrollBar().maximum()):
        shown.verticalScrollBar().setValue(value)
        for card in shown.cards():
            row = shown.row_of(card)
            assert card.line is shown.groups[row.group].lines[row.position]
            assert card.geometry().top() == row.top - shown.verticalScrollBar().value()


def test_arrows_move_the_current_card_and_bring_it_into_view(window: MainWindow) -> None:
    shown = cards(window)
    assert shown.place == (0, 0)
    for _ in range(6):
        press(window, Qt.Key.Key_Right)
    assert shown.place == (0, 6)
    card = current(window)
    assert card.line is shown.groups[0].lines[6]
    assert shown.viewport().rect().contains(card.geometry())
    assert window.session.selection.clip == shown.groups[0].lines[6].clip
    assert window.session.selection.clip_key == clip_key(shown.groups[0].lines[6].media)  # type: ignore[arg-type]
    press(window, Qt.Key.Key_Left)
    assert shown.place == (0, 5)
    assert sum(one.is_current for one in shown.cards()) == 1


def test_brackets_move_from_group_to_group(window: MainWindow) -> None:
    shown = cards(window)
    press(window, Qt.Key.Key_BracketRight)
    assert shown.place == (1, 0)
    press(window, Qt.Key.Key_BracketLeft)
    assert shown.place == (0, 0)


def test_folded_group_hides_its_cards_and_the_current_one_moves_on(window: MainWindow) -> None:
    shown = cards(window)
    press(window, Qt.Key.Key_G)
    assert not [row for row in shown.rows if row.kind == "card" and row.group == 0]
    assert shown.place is not None
    assert shown.place[0] > 0
    header = next(one for number, one in shown.live.items() if shown.rows[number].kind == "header")
    QTest.mouseClick(header, Qt.MouseButton.LeftButton, pos=QPoint(60, 10))
    assert [row for row in shown.rows if row.kind == "card" and row.group == 0]


def test_folded_groups_stay_folded_on_the_next_feature(window: MainWindow, feature: int) -> None:
    shown = cards(window)
    shown.fold(0)
    other = (feature + 1) % window.session.features
    window.session.selection.choose(other)
    until(lambda: window.page.feature == other)
    assert not [row for row in shown.rows if row.kind == "card" and row.group == 0]


def test_click_on_a_card_makes_it_current_and_wheel_over_its_picture_scrolls(window: MainWindow) -> None:
    second = cards(window).cards()[1]
    QTest.mouseClick(second.info, Qt.MouseButton.LeftButton, pos=QPoint(60, 40))
    assert cards(window).place == (0, 1)
    assert second.is_current
    assert cards(window).hasFocus()
    assert not second.canvas.wheel_zooms


def test_zoom_keys_zoom_the_current_card_and_it_stays_zoomed_when_it_comes_back(window: MainWindow) -> None:
    until(lambda: pictured(window))
    press(window, Qt.Key.Key_Plus)
    scene = current(window).canvas.scene
    span = scene.last - scene.first
    assert span < scene.seconds
    shown = cards(window)
    shown.verticalScrollBar().setValue(shown.verticalScrollBar().maximum())
    shown.verticalScrollBar().setValue(0)
    scene = current(window).canvas.scene
    assert scene.last - scene.first == pytest.approx(span)
    press(window, Qt.Key.Key_Z)
    assert scene.last == pytest.approx(max(scene.seconds, 0.01))


def test_stars_and_thumbs_on_the_card_are_saved_for_its_clip(window: MainWindow, feature: int) -> None:
    until(lambda: window.session.notes.available)
    card = cards(window).cards()[1]
    key = clip_key(card.line.media)  # type: ignore[union-attr, arg-type]
    side = card.stars.height()
    QTest.mouseClick(card.stars, Qt.MouseButton.LeftButton, pos=QPoint(side * 3 + side // 2, side // 2))
    until(lambda: window.session.notes.clip(feature, key).rating == 4)
    assert card.stars.rating == 4
    QTest.mouseClick(card.down, Qt.MouseButton.LeftButton)
    until(lambda: window.session.notes.clip(feature, key).thumb == -1)
    assert card.down.isChecked()
    assert not card.up.isChecked()
    press(window, Qt.Key.Key_0)
    until(lambda: window.session.notes.clip(feature, key).rating is None)
    assert card.stars.rating is None


def test_features_of_the_clip_are_listed_and_one_can_be_gone_to(window: MainWindow, feature: int) -> None:
    press(window, Qt.Key.Key_F)

    def menu() -> ClipFeaturesMenu | None:
        found = [one for one in QApplication.topLevelWidgets() if isinstance(one, ClipFeaturesMenu) and one.isVisible()]
        return found[0] if found else None

    until(lambda: menu() is not None)
    opened = menu()
    assert opened is not None
    ranking = window.session.ranking
    assert ranking is not None
    expected = ranking.clip_features(window.session.selection.clip)
    entries = opened.actions()[1:]
    assert [int(one.text().split()[0]) for one in entries] == [one.feature for one in expected]
    other = next(
        one for one in entries if not one.text().startswith(f"{feature}\t") and int(one.text().split()[0]) != feature
    )
    wanted = int(other.text().split()[0])
    other.trigger()
    opened.close()
    until(lambda: window.page.feature == wanted)


def test_missing_sounds_say_where_they_were_looked_for(make_window: Make, study: Study, feature: int) -> None:
    window = make_window()
    gone = str(study.root.parent / "nowhere")
    window.open_study(study.root, feature)
    until(lambda: window.session.ranking is not None)
    ranking = window.session.ranking
    assert ranking is not None
    window.session.preferences.set("roots", dict.fromkeys(ranking.clips.roots, gone))
    until(lambda: bool(cards(window).cards()))
    until(lambda: all("Find moved sounds" in card.canvas.scene.message for card in cards(window).cards()))
    assert gone in cards(window).cards()[0].canvas.scene.message
    window.session.preferences.set("roots", {})
    until(lambda: pictured(window))


def test_head_shows_own_name_first_and_the_automatic_one_beside_it(window: MainWindow, feature: int) -> None:
    until(lambda: window.session.notes.available)
    window.session.notes.write(lambda notes, sae: notes.set_name(sae, feature, "<b>my & name</b>"))
    until(lambda: "my & name" in window.page.title.text())
    assert window.page.title.text() == f"Feature {feature}: <b>my & name</b>"
    assert window.page.title.textFormat() == Qt.TextFormat.PlainText
    assert window.page.header.own.text().startswith("automatic name: ")


def test_figures_have_their_meaning_and_lead_to_their_manifest(window: MainWindow, study: Study) -> None:
    tiles = window.page.header.tiles
    tile = next(one for one in tiles if one.figure is not None and one.figure.column == "support")
    assert "clips with an active token" in tile.toolTip()
    QTest.mouseClick(tile, Qt.MouseButton.LeftButton)

    def dialogs() -> list[ManifestDialog]:
        return [one for one in QApplication.topLevelWidgets() if isinstance(one, ManifestDialog) and one.isVisible()]

    until(lambda: bool(dialogs()))
    opened = dialogs()[0]
    opened.copy.click()
    path = study.retrieval(study.feature_ids()[0]).with_suffix(".json")
    assert json.loads(QApplication.clipboard().text()) == json.loads(path.read_text(encoding="utf-8"))
    opened.copy_path.click()
    assert QApplication.clipboard().text() == str(path)
    opened.close()


def test_neighbour_is_gone_to_by_a_click_and_back_by_the_button(window: MainWindow, feature: int) -> None:
    chip = window.page.header.neighbours.chips[0]
    near = window.session.lines.near[0]  # type: ignore[union-attr]
    assert f"{near.cosine:.2f}" in chip.text()
    QTest.mouseClick(chip, Qt.MouseButton.LeftButton)
    until(lambda: window.page.feature == near.feature)
    back = window.page.header.buttons["go.back"]
    assert back.isEnabled()
    QTest.mouseClick(back, Qt.MouseButton.LeftButton)
    until(lambda: window.page.feature == feature)
    assert window.page.header.buttons["go.forward"].isEnabled()


def test_star_button_is_the_star_of_the_feature(window: MainWindow, feature: int) -> None:
    until(lambda: window.session.notes.available)
    star = window.page.header.buttons["judge.star"]
    QTest.mouseClick(star, Qt.MouseButton.LeftButton)
    until(lambda: window.session.notes.feature(feature).star)
    assert star.isChecked()
    QTest.mouseClick(star, Qt.MouseButton.LeftButton)
    until(lambda: not window.session.notes.feature(feature).star)
    assert not star.isChecked()


@pytest.mark.parametrize("width", [1000, 1440])
def test_head_takes_at_most_a_third_and_no_button_is_cut(window: MainWindow, width: int) -> None:
    window.resize(width, 900)
    header = window.page.header
    header.parts["scores"].click()
    QApplication.processEvents()
    head = window.page.findChild(QScrollArea)
    assert isinstance(head, QScrollArea)
    assert head.height() <= window.page.height() // 3 + 1
    for button in [*header.buttons.values(), *window.page.transport.toggles.values(), window.page.transport.device]:
        at = button.mapTo(window.page, QPoint(0, 0))
        assert at.x() >= 0
        assert at.x() + button.width() <= window.page.width()
    for tile in [*header.tiles, *header.score_tiles]:
        assert tile.mapTo(header, QPoint(0, 0)).x() + tile.width() <= header.width()
    assert header.width() <= head.width()


def test_parts_of_the_head_stay_as_they_were_left(window: MainWindow) -> None:
    header = window.page.header
    assert header.neighbours.isVisible()
    header.parts["neighbours"].click()
    assert not header.neighbours.isVisible()
    assert window.session.preferences.values.page_parts == ("histogram",)


def test_every_control_of_the_page_has_an_accessible_name(window: MainWindow) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QSlider

    kinds = (QAbstractButton, QComboBox, QSlider)
    nameless = [
        one for kind in kinds for one in window.page.findChildren(kind)
        if one.isVisible() and not (one.accessibleName() or (isinstance(one, QAbstractButton) and one.text()))
    ]  # fmt: skip
    assert nameless == []


def test_closed_study_leaves_an_empty_page(window: MainWindow) -> None:
    window.session.close_study()
    assert window.page.feature == -1
    assert cards(window).cards() == []
    assert window.page.title.text() == "No feature chosen"


def test_histogram_tells_how_many_clips_a_bar_holds(window: MainWindow) -> None:
    histogram = window.page.header.histogram
    counts = window.session.lines.histogram.counts  # type: ignore[union-attr]
    plot = histogram.plot
    first = plot.left() + plot.width() / len(counts) / 2
    assert histogram.told_at(first).endswith(f": {counts[0]} clip{'' if counts[0] == 1 else 's'}")


def test_cut_text_is_told_whole_and_never_read_as_html(application: QApplication) -> None:
    label = ElidedLabel("<b>bold</b> " + "word " * 40, lines=2)
    label.resize(120, 40)
    label.show()
    assert len(label.shown) == 2
    assert label.shown[1].endswith("…")
    assert "&lt;b&gt;bold&lt;/b&gt;" in label.toolTip()
    assert "<b>" not in label.toolTip()
    label.setText("short")
    assert label.toolTip() == ""
    label.close()


def test_text_on_two_lines_gets_the_room_of_two_lines(window: MainWindow) -> None:
    """Also when the label was wider, and so lower, before."""
    for card in cards(window).cards():
        card.caption.setText("a rather long caption that needs two lines " * 3)
        card.caption.show()
    window.resize(1000, 900)
    QApplication.processEvents()
    for card in cards(window).cards():
        assert len(card.caption.shown) == 2
        assert card.caption.height() >= 2 * card.caption.fontMetrics().height()
        assert card.caption.geometry().bottom() < card.stars.geometry().top()
