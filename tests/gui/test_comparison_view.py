"""The view that sets two SAEs side by side, in the real window."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from ard_gui.main_window import MainWindow
from ard_gui.state.pair_rows import MUTUAL, WITHOUT, PairQuery, columns_of
from ard_gui.views.comparison.view import NOT_YET, TOO_FEW, ComparisonView
from backend.jobs.job import quiet_job
from backend.stages import compare, retrieve
from backend.store.comparison import Side
from backend.store.concepts import Concept
from backend.study.configuration import load_settings
from backend.study.folder import Study
from builders.described_study import describe_by_hand, the_sae
from builders.sae_pair import TURNED, add_turned, turned_order

Make = Callable[..., MainWindow]
Qk = Qt.Key


@pytest.fixture(scope="module")
def pair(made_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study with two SAEs of the same features in another order, both ranked, one named by hand."""
    folder = tmp_path_factory.mktemp("pair")
    study = Study(Path(shutil.copytree(made_study.root, folder / "study")).resolve())
    own = the_sae(study)
    describe_by_hand(study, own, [Concept(3, "ok", "a bell", "")])
    add_turned(study, own, folder)
    retrieve.run(study, load_settings(study.toml), quiet_job())
    return study


@pytest.fixture
def two(pair: Study, tmp_path: Path) -> Study:
    """The test's own copy of it."""
    return Study(Path(shutil.copytree(pair.root, tmp_path / "two")).resolve())


def compared(study: Study) -> Study:
    one, other = sorted(study.sae_ids())
    compare.run(study, load_settings(study.toml), one, other, quiet_job())
    return study


def shown(make_window: Make, study: Study) -> tuple[MainWindow, ComparisonView]:
    window = make_window(study)
    window.actions_table["run.compare"].trigger()
    view = cast(ComparisonView, window.view("compare"))
    until(lambda: view.shown is not None)
    return window, view


def test_study_with_one_sae_says_how_to_get_another(make_window: Make, tiny_study: Study) -> None:
    _, view = shown(make_window, tiny_study)
    assert view.parts.pairs.empty.text.text() == TOO_FEW
    assert not view.parts.compare.isEnabled()


def test_comparison_is_made_by_the_command_and_then_shown(make_window: Make, two: Study) -> None:
    _, view = shown(make_window, two)
    assert view.parts.pairs.empty.text.text() == NOT_YET
    figures = view.parts.figures
    titles = [figures.item(row, 0).text() for row in range(figures.rowCount())]
    row = titles.index("Origin")
    assert [figures.item(row, column).text() for column in (1, 2, 3)] == ["≠", "trained here", "imported (ard)"]
    assert figures.item(titles.index("Features (D)"), 1).text() == ""

    view.parts.compare.click()
    assert view.making.running
    assert not view.parts.a.isEnabled()
    until(lambda: view.shown is not None and view.shown.file is not None, 60)
    until(lambda: not view.making.running)
    n = view.parts.pairs.pairs.rowCount()
    assert f"A: {n} of {n} (100.0%, 95 %" in view.parts.summary.text()
    assert not view.parts.compare.isEnabled()
    assert view.parts.a.isEnabled()
    assert view.parts.progress.isHidden()


def test_rows_are_filtered_sorted_and_turned_to_the_other_side(make_window: Make, two: Study) -> None:
    _, view = shown(make_window, compared(two))
    parts, table = view.parts, view.parts.pairs
    until(lambda: table.pairs.rowCount() > 0)
    QTest.keyClicks(parts.search, "BELL")
    assert table.pairs.rows.tolist() == [3]
    assert parts.counts.text().startswith("1 of ")
    parts.search.clear()

    parts.kept.setCurrentIndex(parts.kept.findData(WITHOUT))
    parts.kept.activated.emit(0)
    assert table.pairs.rowCount() == 0
    assert table.empty.text.text() == "No feature is left by this filter."
    parts.kept.setCurrentIndex(parts.kept.findData(MUTUAL))
    parts.kept.activated.emit(0)
    assert table.pairs.rowCount() == len(turned_order(table.pairs.rowCount()))

    table.sort_asked.emit("nearest")
    assert table.pairs.rows.tolist() == turned_order(table.pairs.rowCount()).tolist()
    table.sort_asked.emit("nearest")
    assert table.pairs.rows.tolist() == turned_order(table.pairs.rowCount())[::-1].tolist()
    parts.side.setCurrentIndex(1)
    parts.side.activated.emit(1)
    table.sort_asked.emit("feature")
    place = np.flatnonzero(turned_order(table.pairs.rowCount()) == 3)[0]
    assert table.pairs.text(int(place), table.pairs.names.index("nearest_name")) == "a bell"


def test_enter_leads_to_the_feature_and_with_shift_to_its_nearest(make_window: Make, two: Study) -> None:
    window, view = shown(make_window, compared(two))
    session, table = window.session, view.parts.pairs
    until(lambda: table.pairs.rowCount() > 0)
    own = next(one for one in two.sae_ids() if one != TURNED)
    order = turned_order(table.pairs.rowCount())
    table.go_to(5)
    QTest.keyClick(table, Qk.Key_Return)
    until(lambda: session.ranking_name == own and session.selection.feature == 5)
    QTest.keyClick(table, Qk.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    until(lambda: session.ranking_name == TURNED and session.selection.feature == int(np.flatnonzero(order == 5)[0]))
    assert "cosine 1.000" in view.parts.details.text()

    index = table.pairs.index(table.pairs.row_of(5), table.pairs.names.index("feature"))
    place = table.visualRect(index).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=place)
    until(lambda: session.ranking_name == own and session.selection.feature == 5)


def test_marked_rows_are_copied_as_csv_and_all_where_none_are(make_window: Make, two: Study) -> None:
    _, view = shown(make_window, compared(two))
    table, clipboard = view.parts.pairs, QGuiApplication.clipboard()
    until(lambda: table.pairs.rowCount() > 0)
    clipboard.clear()
    view.parts.copy.click()
    until(lambda: bool(clipboard.text()))
    rows = list(csv.DictReader(io.StringIO(clipboard.text())))
    assert [int(one["feature"]) for one in rows] == table.pairs.rows.tolist()
    assert {one["cosine"] for one in rows} == {"1.0"}
    clipboard.clear()
    table.setFocus()
    table.go_to(int(table.pairs.rows[0]))
    QTest.keyClick(table, Qk.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(table, Qk.Key_C, Qt.KeyboardModifier.ControlModifier)
    until(lambda: bool(clipboard.text()))
    assert len(clipboard.text().splitlines()) == 3


def test_same_sae_twice_exchanges_the_two(make_window: Make, two: Study) -> None:
    _, view = shown(make_window, two)
    a, b = view.parts.a.currentText(), view.parts.b.currentText()
    view.parts.a.setCurrentText(b)
    view.parts.a.activated.emit(0)
    assert (view.parts.a.currentText(), view.parts.b.currentText()) == (b, a)
    until(lambda: view.shown is not None and view.shown.a == b)
    view.parts.swap.click()
    until(lambda: view.shown is not None and view.shown.a == a)


def test_closing_the_study_empties_the_view_and_ends_a_run(make_window: Make, two: Study) -> None:
    window, view = shown(make_window, two)
    view.parts.compare.click()
    window.session.close_study()
    assert not view.making.running
    assert view.parts.a.count() == 0
    assert view.parts.pairs.pairs.rowCount() == 0


def test_many_features_are_sorted_and_filtered_by_their_columns() -> None:
    n = 32_768
    draw = np.random.default_rng(0)
    partner = draw.permutation(n).astype(np.int32)[:, None]
    cosine = draw.random((n, 1)).astype(np.float32)
    cosine[7], partner[7] = np.nan, -1
    mutual, active = draw.random(n) < 0.5, np.full(n, -1)
    names = [f"name {i}" if i % 2 else "" for i in range(n)]
    side = Side("one", "w", partner, cosine, np.full((n, 1), np.nan, np.float32), mutual, active)
    columns = columns_of(side, names, names)
    assert columns["nearest_name"][7] == ""
    rows = PairQuery().rows(columns)
    assert rows[-1] == 7
    assert (np.diff(cosine[rows[:-1], 0]) <= 0).all()

    other = [names[k] if k >= 0 else "" for k in partner[:, 0].tolist()]
    wanted = [k for k in range(n) if not cosine[k, 0] >= 0.7 and ("name 11" in names[k] or "name 11" in other[k])]
    assert PairQuery(WITHOUT, " NAME 11", "feature", True).rows(columns).tolist() == wanted
