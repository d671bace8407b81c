"""Rows, columns and cells of the concepts table, in the real window."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from gui.table_hands import click_cell, click_title, column, concepts, dialog, shown
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from ard_gui.main_window import MainWindow
from ard_gui.views.table.column_chooser import ColumnChooser
from ard_gui.views.table.delegate import runs_right_to_left
from ard_gui.views.table.go_to_feature import GoToFeature
from backend.store.concepts import ClipCaption, Concept
from backend.study.folder import Study
from builders.described_study import describe_by_hand, the_sae, undescribe

Make = Callable[..., MainWindow]
Key = Qt.Key
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def own_study(tiny_study: Study, tmp_path: Path) -> Study:
    """A copy that a test may change."""
    shutil.copytree(tiny_study.root, tmp_path / "copy")
    return Study(tmp_path / "copy")


def test_click_on_a_title_sorts_largest_first_then_smallest_then_by_feature(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view, support = concepts(window), column(window, "support")
    click_title(view, "support")
    assert shown(view) == np.argsort(-support, kind="stable").tolist()
    assert view.table.header.sortIndicatorSection() == view.model.names.index("support")
    click_title(view, "support")
    assert shown(view) == np.argsort(support, kind="stable").tolist()
    click_title(view, "support")
    assert shown(view) == list(range(len(support)))
    assert window.session.selection.features == (0,)


def test_marks_and_the_current_row_stay_with_their_features_when_the_order_changes(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    click_cell(view, 2, "name")
    click_cell(view, 5, "name", Qt.KeyboardModifier.ControlModifier)
    assert window.session.selection.features == (2, 5)
    window.session.query.update(sort="m", descending=True)
    assert set(window.session.selection.features) == {2, 5}
    assert view.table.current_feature() == 5
    window.session.query.update(expression="feature != 2")
    assert window.session.selection.features == (5,)
    assert window.session.selection.feature == 5


def test_current_row_stays_where_it_is_on_the_screen_while_others_are_filtered_away(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    view.table.verticalScrollBar().setValue(30)
    click_cell(view, 34, "name")
    window.session.query.update(expression="feature >= 20")
    assert view.table.verticalScrollBar().value() == 10
    window.session.query.update(sort="m")
    assert view.table.verticalScrollBar().value() == 10
    window.session.query.update(expression="feature >= 20 and feature < 23")
    assert view.table.verticalScrollBar().value() == 0


def test_holding_down_goes_from_row_to_row_and_reads_only_what_it_can(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    view.table.setFocus()
    for _ in range(40):
        QTest.keyClick(view.table, Key.Key_Down)
    assert window.session.selection.feature == 40
    assert view.table.current_feature() == 40
    until(lambda: window.page.feature == 40)
    assert len(window.session.reader._waiting) == 0
    window.session.selection.back()
    assert window.session.selection.feature == 0  # a run of steps is one visit


def test_keys_go_by_pages_and_to_both_ends_and_letters_search_nothing(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    view.table.setFocus()
    last = len(view.model.rows) - 1
    QTest.keyClick(view.table, Key.Key_End)
    assert view.table.currentIndex().row() == last
    QTest.keyClick(view.table, Key.Key_Home)
    assert view.table.currentIndex().row() == 0
    QTest.keyClick(view.table, Key.Key_PageDown)
    paged = view.table.currentIndex().row()
    assert 5 < paged < last
    QTest.keyClick(view.table, Key.Key_PageUp)
    QTest.keyClick(view.table, Key.Key_Z)
    assert view.table.currentIndex().row() == 0
    QTest.keyClick(view.table, Key.Key_End, SHIFT)
    assert len(window.session.selection.features) == last + 1


def test_click_on_a_star_asks_for_the_star_and_leaves_the_marks(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    asked: list[int] = []
    view.star_toggled.connect(asked.append)
    click_cell(view, 3, "star")
    assert asked == [3]
    assert window.session.selection.features == (0,)
    star = np.zeros(window.session.features, bool)
    star[3] = True
    view.set_own({"star": star})
    index = view.model.index(3, view.model.names.index("star"))
    assert view.model.data(index, Qt.ItemDataRole.AccessibleTextRole) == "starred"
    view.bar.star.click()
    assert shown(view) == [3]


def test_titles_say_what_their_columns_are(make_window: Make, tiny_study: Study) -> None:
    view = concepts(make_window(tiny_study))
    tips = {
        name: view.model.headerData(i, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        for i, name in enumerate(view.model.names)
    }
    assert "(E_H − E_L) / max(σ, floor)" in tips["m"]
    assert "in percent" in tips["frequency"]
    assert all(tips.values())


def test_names_of_every_kind_are_shown_whole_in_the_tip_and_never_as_markup(
    make_window: Make, own_study: Study
) -> None:
    names = ["x" * 300, "ضحك الأطفال", "🎻 violin", "two\nlines\tof <b>text</b>", "a & b"]
    found = [Concept(k, "ok", name, f"<i>{name}</i>", (ClipCaption(0, "a caption"),)) for k, name in enumerate(names)]
    describe_by_hand(own_study, the_sae(own_study), found)
    view = concepts(make_window(own_study))
    place = view.model.names.index("name")
    cells = [view.model.index(row, place) for row in range(5)]
    assert [one.data() for one in cells] == ["x" * 300, names[1], names[2], "two lines of <b>text</b>", names[4]]
    tip = cells[3].data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;text&lt;/b&gt;" in tip
    assert "&lt;i&gt;two" in tip
    assert "x" * 300 in cells[0].data(Qt.ItemDataRole.ToolTipRole)
    assert [runs_right_to_left(name) for name in names] == [False, True, False, False, False]
    assert len({view.table.rowHeight(row) for row in range(5)}) == 1
    assert not view.grab().isNull()


def test_columns_can_be_hidden_moved_and_widened_and_come_back_in_another_window(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    window.actions_table["view.columns"].trigger()
    chooser = dialog(ColumnChooser)
    place = view.table.header.names().index("support")
    chooser.list.setCurrentRow(place)
    QTest.keyClick(chooser.list, Key.Key_Space)
    assert view.table.isColumnHidden(view.model.names.index("support"))
    chooser.list.setCurrentRow(view.table.header.names().index("e_h"))
    QTest.keyClick(chooser.list, Key.Key_Space)
    QTest.keyClick(chooser.list, Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    chooser.leave.click()
    view.table.header.resizeSection(view.model.names.index("name"), 333)
    state = view.columns_state()
    other = concepts(make_window(tiny_study))
    assert "support" in other.table.header.shown_names()
    other.restore_columns(state)
    assert other.table.header.names() == view.table.header.names()
    assert other.table.header.shown_names() == view.table.header.shown_names()
    assert "e_h" in other.table.header.shown_names()
    assert "support" not in other.table.header.shown_names()
    assert other.table.columnWidth(other.model.names.index("name")) == 333


@pytest.mark.parametrize(
    "damaged",
    [{}, {"header": 5}, {"header": {"version": 99}}, {"features": {"a": "b"}, "ranges": [1]},
     {"header": {"version": 1, "order": ["m"], "shown": {"m": "yes"}, "widths": {}}},
     {"header": {"version": 1, "order": [], "shown": {}, "widths": {"m": -4}}}],
)  # fmt: skip
def test_damaged_columns_are_left_out(make_window: Make, tiny_study: Study, damaged: dict[str, object]) -> None:
    view = concepts(make_window(tiny_study))
    before = view.columns_state()
    view.restore_columns(damaged)
    assert view.columns_state() == before


def test_go_to_feature_says_when_there_is_none_and_clears_filters_that_hide_it(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    window.session.query.update(expression="feature < 10")
    window.actions_table["go.feature"].trigger()
    asking = dialog(GoToFeature)
    QTest.keyClicks(asking.number, "70000")
    QTest.keyClick(asking.number, Key.Key_Return)
    assert asking.isVisible()
    assert asking.note.text().startswith("There is no feature 70000; they go from 0 to ")
    asking.number.clear()
    QTest.keyClicks(asking.number, "12")
    QTest.keyClick(asking.number, Key.Key_Return)
    assert not asking.isVisible()
    assert window.session.selection.feature == 12
    assert view.table.current_feature() == 12
    assert window.session.query.value.expression == ""
    assert window.session.notices.all[-1].text == "All filters were cleared: they hid feature 12."


def test_random_feature_is_one_of_those_shown(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    concepts(window)
    window.session.query.update(expression="feature in [7, 9]")
    for _ in range(8):
        window.actions_table["go.random"].trigger()
        assert window.session.selection.feature in (7, 9)


def test_feature_chosen_elsewhere_that_the_filter_hides_is_said_to_be_hidden(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    window.session.query.update(expression="feature < 10")
    window.session.selection.choose(20)
    assert view.bar.hidden.text() == "Feature 20 is not among them"
    view.bar.reveal.click()
    assert view.table.current_feature() == 20
    assert not view.bar.hidden.isVisible()


def test_rows_are_copied_as_text_and_as_csv(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    for name in view.table.header.shown_names():
        view.table.header.show_column(name, name in ("feature", "m"))
    click_cell(view, 1, "m")
    m = float(column(window, "m")[1])
    QGuiApplication.clipboard().clear()
    QTest.keyClick(view.table, Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    until(lambda: QGuiApplication.clipboard().text() != "")
    assert QGuiApplication.clipboard().text() == f"feature\tm\n1\t{view.model.text(1, view.model.names.index('m'))}\n"
    window.actions_table["edit.copy_csv"].trigger()
    until(lambda: "," in QGuiApplication.clipboard().text())
    assert QGuiApplication.clipboard().text() == f"feature,m\n1,{'' if np.isnan(m) else repr(m)}\n"


def test_menu_of_rows_offers_only_what_somebody_answers(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    menu = view.menus.rows_menu()
    offered = {one.objectName() for one in menu.actions()}
    assert {"edit.copy_rows", "view.columns"} <= offered
    assert all(window.actions_table.is_bound(one) for one in offered if one)
    (sorts,) = menu.findChildren(QMenu)
    next(one for one in sorts.actions() if one.text() == "m").trigger()
    assert window.session.query.value.sort == "m"


def test_each_sae_is_shown_with_its_size_and_comes_back_at_its_own_feature(make_window: Make, own_study: Study) -> None:
    first = the_sae(own_study)
    shutil.copytree(own_study.features(first), own_study.features(f"{first}-twin"))
    names = [first, f"{first}-twin"]
    window = make_window(own_study)
    view = concepts(window)
    until(lambda: "·" in view.rankings.currentText())
    assert view.rankings.currentText() == f"encoder.2 · {names[0]} · {window.session.features:,} features"
    window.session.selection.choose(5)
    window.session.query.update(chosen=(1, 5))
    window.session.open_ranking(names[1])
    until(lambda: window.session.ranking_name == names[1] and window.session.selection.feature == 0)
    assert window.session.query.value.chosen == ()
    assert view.rankings.currentData() == names[1]
    window.session.open_ranking(names[0])
    until(lambda: window.session.ranking_name == names[0] and window.session.selection.feature >= 0)
    assert window.session.selection.feature == 5
    assert view.table.current_feature() == 5


def test_study_whose_features_are_all_dead_says_so(make_window: Make, own_study: Study) -> None:
    with h5py.File(own_study.retrieval(the_sae(own_study)), "r+") as file:
        file["table/status"][:] = 2
    window = make_window(own_study)
    view = concepts(window)
    total = window.session.features
    assert view.bar.warning.text() == (f"All {total:,} features are dead: none was ever active in the probing set.")
    assert view.bar.statuses["dead"].text() == f"dead {total:,}"
    assert view.bar.warning.isVisible()


def test_window_without_a_study_says_that_none_is_open(make_window: Make) -> None:
    window = make_window()
    window.docks["concepts"].show()
    view = window.view("concepts")
    assert view.empty.text.text() == "No study is open."
    assert view.empty.isVisible()
    window.actions_table["go.random"].trigger()
    window.actions_table["go.next"].trigger()
    window.actions_table["go.feature"].trigger()
    asking = dialog(GoToFeature)
    QTest.keyClicks(asking.number, "1")
    QTest.keyClick(asking.number, Key.Key_Return)
    assert asking.note.text() == "No features are open."
    asking.close()


def test_sae_without_any_feature_says_so(make_window: Make, own_study: Study) -> None:
    sae = the_sae(own_study)
    undescribe(own_study, sae)
    with h5py.File(own_study.retrieval(sae), "r+") as file:
        features = int(file.attrs["features"])
        names: list[str] = []
        file.visititems(lambda name, one: names.append(name) if isinstance(one, h5py.Dataset) else None)
        for name in names:
            values = file[name][...]
            if len(values) in (features, features + 1):
                del file[name]
                file[name] = values[: len(values) - features]
        file.attrs["features"] = 0
    window = make_window()
    window.open_study(own_study.root)
    view = window.view("concepts")
    until(lambda: window.session.ranking is not None and view.empty.text.text() == "This SAE has no features.")
    assert view.empty.isVisible()
    assert view.bar.count.text() == ""
    window.actions_table["go.random"].trigger()
    view.filter.setText("m > 3")
    assert window.session.selection.feature == -1
