"""Names that are very long, run from right to left, hold emoji or look like HTML are shown as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from gui.waiting import until
from gui.walking import concepts, first_card, opened, shows
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import QApplication, QLabel, QListWidget, QTableWidget, QWidget

from ard_gui.main_window import MainWindow
from ard_gui.services.feature_lines import ClipFeature
from ard_gui.views.clip_features_menu import ClipFeaturesMenu
from backend.study.folder import Study
from builders.synthetic_concepts import EMOJI, MARKUP, RIGHT_TO_LEFT, SENTENCE
from builders.synthetic_study import TINY, synthetic_study

Make = Callable[..., MainWindow]
LONG = (SENTENCE * 4)[:300]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return synthetic_study(tmp_path_factory.mktemp("odd") / "<b>study<b> & <img src=x>", replace(TINY, markup=True))


def named(window: MainWindow, name: str) -> int:
    """The first feature that is called so."""
    assert window.session.ranking is not None
    return list(window.session.ranking.columns["name"]).index(name)


def parsed(widget: QWidget) -> Iterator[str]:
    """What Qt would take for HTML on a widget and in it."""
    for one in (widget, *widget.findChildren(QWidget)):
        if (
            isinstance(one, QLabel)
            and one.textFormat() != Qt.TextFormat.PlainText
            and GuiQt.mightBeRichText(one.text())
        ):
            yield f"{type(one).__name__}: {one.text()}"
        tips = [one.toolTip()]
        if isinstance(one, QListWidget):
            tips += [one.item(row).toolTip() for row in range(one.count())]
        if isinstance(one, QTableWidget):
            cells = (one.item(row, column) for row in range(one.rowCount()) for column in range(one.columnCount()))
            tips += [cell.toolTip() for cell in cells if cell is not None]
        for tip in tips:
            if GuiQt.mightBeRichText(tip) and any(mark in tip for mark in ("<b>", "<i>", "<u>", "<img")):
                yield f"tool tip of {type(one).__name__}: {tip}"


@pytest.mark.parametrize("name", [*RIGHT_TO_LEFT[:2], *EMOJI[:2], MARKUP, LONG])
def test_odd_name_is_shown_as_it_is_in_table_and_page(make_window: Make, study: Study, name: str) -> None:
    window = opened(make_window(), study)
    feature = named(window, name)
    shows(window, feature)
    view = concepts(window)
    row, column = view.model.row_of(feature), view.model.names.index("name")
    shown = view.model.data(view.model.index(row, column))
    assert name.startswith(shown.rstrip("…"))
    assert name in window.page.title.text() or name in window.page.title.toolTip()
    assert window.page.title.width() <= window.page.width()
    assert not list(parsed(window))


def test_odd_names_of_clips_are_shown_as_they_are(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study)
    card = first_card(window)
    until(lambda: bool(card.canvas.scene.pictures))
    assert card.name.text().startswith("<b>")
    assert "<i>" in card.labels.text()
    assert "<u>" in card.caption.text()
    assert not list(parsed(window))


def test_odd_name_does_not_widen_the_window(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study)
    before = window.minimumSizeHint().width()
    shows(window, named(window, LONG))
    assert window.minimumSizeHint().width() == before


@pytest.mark.parametrize("name", [RIGHT_TO_LEFT[0], EMOJI[0], "knocks", "<b>R"])
def test_odd_name_is_found_by_typing_it(make_window: Make, study: Study, name: str) -> None:
    window = opened(make_window(), study)
    view = concepts(window)
    until(lambda: view._rows._search is not None)
    typed = QInputMethodEvent()
    typed.setCommitString(name)
    QApplication.sendEvent(view.bar.search.field, typed)
    until(lambda: 0 < len(view.model.rows) < window.session.features)
    column = view.model.names.index("name")
    assert all(name.casefold() in view.model.value(int(k), column).casefold() for k in view.model.rows)


def test_own_name_tag_and_list_that_look_like_html_are_shown_as_they_are(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study, 2)
    notes = window.session.notes
    until(lambda: notes.available)
    notes.write(lambda n, key: n.set_name(key, 2, MARKUP))
    notes.write(lambda n, key: n.add_tag(key, 2, MARKUP))
    notes.write(lambda n, key: n.set_note(key, 2, MARKUP))
    notes.write(lambda n, _: n.create_list(MARKUP))
    until(lambda: bool(notes.now.lists) and MARKUP in window.page.title.text())
    window.show_dock("lists")
    assert not list(parsed(window))
    assert "R&&B" in window.actions_table["edit.undo"].text()


def test_messages_about_odd_paths_are_shown_as_they_are(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study)
    for tell in (window.session.notices.info, window.session.notices.warning):
        tell(f"{study.root} is {MARKUP * 100}")
    window.actions_table["help.notices"].trigger()
    assert MARKUP in window.notice_bar.text.text()
    assert not list(parsed(window))
    window.session.close_study()
    until(lambda: window.start.recent.count() == 1)
    assert not list(parsed(window))


def test_features_of_a_clip_with_odd_names_are_a_menu_of_plain_text(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study)
    found = [ClipFeature(named(window, MARKUP), MARKUP, 1.0)]
    menu = ClipFeaturesMenu(window, found, "r", -1)
    assert any("<b>R&&B</b>" in action.text() for action in menu.actions())
    menu.deleteLater()
