"""What narrows the concepts table: words, meaning, expressions, chips, sliders, saved queries, in the real window."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from gui.table_hands import LEFT, column, concepts, dialog, shown
from gui.waiting import until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.services.saved_queries import SavedQueries
from ard_gui.state.feature_rows import no_own
from ard_gui.state.query import Query
from ard_gui.views.table.expression_field import marked_place
from ard_gui.views.table.range_slider import Scale, scale_of
from ard_gui.views.table.saved_queries_menu import QueriesDialog
from ard_gui.views.table.search_field import MEANING
from backend.store.concepts import ConceptsFile
from backend.study.folder import Study
from builders.described_study import the_sae, undescribe

Make = Callable[..., MainWindow]
Key = Qt.Key


def test_typing_words_finds_names_and_captions_at_every_letter(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    path = tiny_study.concepts(window.session.ranking_name)
    assert path is not None
    texts = {
        one.feature: " ".join((one.name, one.description, *(c.text for c in one.captions))).lower()
        for one in ConceptsFile(path).concepts
    }
    window.actions_table["go.search"].trigger()
    for typed in ("n", "no", "noi"):
        QTest.keyClick(view.bar.search.field, typed[-1])
        assert shown(view) == [k for k in range(window.session.features) if typed in texts.get(k, "")]
    assert 0 < len(shown(view)) < window.session.features
    assert view.bar.count.text() == f"{len(shown(view)):,} of {window.session.features:,} features"
    QTest.keyClick(view.bar.search.field, Key.Key_Down)
    assert view.table.hasFocus()


def test_words_find_own_names_tags_and_notes(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    own = no_own(window.session.features)
    own["own_name"][2], own["tags"][4], own["note"][6] = "Zebra crossing", ("zebra", "animal"), "a zebra?"
    view.set_own(own)
    QTest.keyClicks(view.bar.search.field, "ZEBRA")
    assert shown(view) == [2, 4, 6]
    view.bar.search.field.clear()
    assert len(shown(view)) == window.session.features
    next(one for one in view.bar._tag_menu.actions() if one.text().startswith("animal")).trigger()
    assert shown(view) == [4]
    assert view.bar.tags.text() == "Tags: 1"
    view.bar.active.buttons["tag animal"].click()
    assert len(shown(view)) == window.session.features


def test_search_by_meaning_asks_after_return_and_orders_by_what_comes_back(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    window.session.query.update(sort="m")
    view.offer_meaning(True)
    view.bar.search.mode.setCurrentIndex(MEANING)
    QTest.keyClicks(view.bar.search.field, "falling rain")
    assert window.session.query.value.meaning == ""
    QTest.keyClick(view.bar.search.field, Key.Key_Return)
    assert window.session.query.value.meaning == "falling rain"
    similarity = np.linspace(-1, 1, window.session.features)
    view.set_similarity(similarity)
    assert shown(view)[0] == window.session.features - 1
    assert "similarity" in view.table.header.shown_names()
    view.bar.search.field.clear()
    assert "similarity" not in view.model.names
    assert (window.session.query.value.meaning, window.session.query.value.sort) == ("", "m")


def test_search_by_meaning_says_why_it_cannot_be_had(make_window: Make, tiny_study: Study) -> None:
    undescribe(tiny_study, the_sae(tiny_study))
    view = concepts(make_window(tiny_study))
    assert not view.bar.search.mode.isEnabled()
    assert "ard describe" in view.bar.search.mode.toolTip()


def test_expression_completes_the_word_under_the_cursor(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    window.actions_table["go.filter"].trigger()
    QTest.keyClicks(view.filter, "sup")
    assert view.filter.popup.isVisible()
    QTest.keyClick(view.filter.popup, Key.Key_Return)
    assert view.filter.text() == "support"
    assert not view.filter.popup.isVisible()
    QTest.keyClicks(view.filter, ' > 3 and status == "o')
    assert view.filter.under_cursor() == ("o", ["ok", "insufficient", "dead"])
    QTest.keyClick(view.filter.popup, Key.Key_Return)
    QTest.keyClicks(view.filter, '"')
    assert view.filter.text() == 'support > 3 and status == "ok"'
    wanted = (column(window, "support") > 3) & (column(window, "status") == "ok")
    assert shown(view) == np.flatnonzero(wanted).tolist()


def test_wrong_expression_is_marked_below_the_field_and_the_last_good_one_holds(
    make_window: Make, tiny_study: Study
) -> None:
    view = concepts(make_window(tiny_study))
    view.filter.setText("feature < 4")
    view.filter.setText("feature < 4 and (")
    assert shown(view) == [0, 1, 2, 3]
    assert view.bar.problem.isVisible()
    assert view.bar.problem.place.text().splitlines()[0] == "feature < 4 and ("
    assert "^" in view.bar.problem.place.text().splitlines()[1]
    view.filter.setText("feature < 4 and m > -99")
    assert not view.bar.problem.isVisible()
    assert marked_place("a" * 90 + "!", 90).splitlines() == ["…" + "a" * 28 + "!", " " * 29 + "^"]


def test_status_chips_narrow_and_nothing_left_offers_to_clear(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    status = column(window, "status")
    view.bar.statuses["ok"].click()
    assert shown(view) == np.flatnonzero(status == "ok").tolist()
    view.filter.setText("support < 0")
    assert view.empty.text.text() == "No feature matches."
    assert view.empty.button.isVisible()
    QTest.mouseClick(view.empty.button, LEFT)
    assert len(shown(view)) == window.session.features
    assert not view.empty.isVisible()
    assert view.filter.text() == ""
    assert not view.bar.statuses["ok"].isChecked()


def test_handles_of_a_range_slider_are_moved_by_keys_and_by_mouse(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view, support = concepts(window), column(window, "support")
    view.bar.ranges_button.click()
    slider = view.bar.ranges.sliders["support"]
    slider.setFocus(Qt.FocusReason.TabFocusReason)
    for _ in range(60):
        QTest.keyClick(slider, Key.Key_Right)
    low, high = window.session.query.value.ranges["support"]
    assert low > support.min()
    assert high == support.max()
    assert shown(view) == np.flatnonzero(support >= low).tolist()
    assert slider.accessibleName().startswith("support, lowest value")
    QTest.keyClick(slider, Key.Key_Home)
    assert window.session.query.value.ranges == {}
    QTest.mouseClick(slider, LEFT, pos=QPoint(slider.width() * 3 // 4, slider.height() // 2))
    assert window.session.query.value.ranges["support"][1] < support.max()
    view.bar.ranges_button.click()
    view.bar.active.buttons["range support"].click()
    assert window.session.query.value.ranges == {}
    assert slider.high == support.max()


def test_logarithmic_scale_holds_its_ends_exactly() -> None:
    scale = scale_of(np.array([0.0, 0.001, 0.1, 10.0, np.nan]), True)
    assert scale == Scale(0.0, 10.0, 0.001)
    assert [scale.value(p) for p in (0.0, 1.0)] == [0.0, 10.0]
    assert abs(scale.value(0.5) - 0.1) < 1e-12
    assert scale_of(np.array([2.0, 2.0, np.nan]), False) is None


def test_features_of_the_map_and_of_a_list_are_chips_that_can_be_removed(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    view = concepts(window)
    view.set_lists({"id-1": ("My sounds", (3, 8))})
    window.session.query.update(chosen=(1, 3, 8), listed="id-1")
    assert shown(view) == [3, 8]
    assert view.bar.active.buttons["listed"].text() == "List: My sounds  ✕"
    QTest.mouseClick(view.bar.active.buttons["listed"], LEFT)
    assert shown(view) == [1, 3, 8]
    view.bar.clear.click()
    assert window.session.query.value == Query()


def test_queries_are_saved_used_renamed_removed_and_each_change_can_be_undone(
    make_window: Make, tiny_study: Study, own_settings: Path
) -> None:
    window = make_window(tiny_study)
    view, undo = concepts(window), window.session.undo
    window.session.query.update(expression="support > 3", sort="m", chosen=(1, 2))
    view.bar.queries.open_dialog()
    asking = dialog(QueriesDialog)
    QTest.keyClicks(asking.name, "loud & clear")
    QTest.keyClick(asking.name, Key.Key_Return)
    until(lambda: (own_settings / "queries.json").exists())
    assert SavedQueries().load_queries() == {"loud & clear": Query(expression="support > 3", sort="m")}
    window.session.query.set(Query())
    asking.apply.click()
    assert window.session.query.value == Query(expression="support > 3", sort="m")
    asking.list.item(0).setText("loud")
    assert list(view.bar.queries.queries) == ["loud"]
    asking.remove.click()
    assert view.bar.queries.queries == {}
    for names in (["loud"], ["loud & clear"], []):
        undo.undo()
        assert list(view.bar.queries.queries) == names
    undo.redo()
    assert view.bar.queries.menu_.actions()[0].text() == "loud && clear"
    asking.close()
    until(lambda: list(SavedQueries().load_queries()) == ["loud & clear"])


def test_damaged_saved_queries_are_reported_and_single_ones_left_out(make_window: Make, own_settings: Path) -> None:
    own_settings.mkdir()
    path = own_settings / "queries.json"
    good = Query(text="rain").plain()
    path.write_text(json.dumps({"version": 1, "queries": {"good": good, "bad": {"version": 7}, "worse": 3}}))
    window = make_window()
    view = window.view("concepts")
    until(lambda: list(view.bar.queries.queries) == ["good"])
    path.write_text("{")
    view.bar.queries.load()
    until(lambda: any("saved queries cannot be read" in one.text for one in window.session.notices.all))
