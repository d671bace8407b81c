"""Blind rating in real windows: what may not be seen, what must be heard, what is kept, by keys alone (A-44, A-45)."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QApplication, QComboBox, QLabel, QLineEdit, QWidget

from ard_gui.main_window import MainWindow
from ard_gui.services.playback.sound import Sound
from ard_gui.views.canvas import ClipCanvas
from ard_gui.views.rating import RatingView
from ard_gui.views.rating_window import RatingWindow
from backend.store.clips import ClipTable
from backend.store.notes.notes import Notes
from backend.store.notes.rating_book import ItemRating, RatingBook
from backend.store.notes.rating_plan import RatingPlan, plan
from backend.study.folder import Study
from builders.rating_studies import name_by_hand
from builders.tiny_study import finished_study

Make = Callable[..., MainWindow]
LISTEN = 0.2
KEY = Qt.Key


@pytest.fixture(scope="module")
def two_methods(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """An SAE's features and raw units, ranked."""
    return finished_study(tmp_path_factory.mktemp("rating"), train={"steps": 30}, retrieve={"raw_units": True})


@pytest.fixture
def study(two_methods: Study, tmp_path: Path) -> Study:
    """A copy whose two rankings have names that stand nowhere else."""
    copy = Study(Path(shutil.copytree(two_methods.root, tmp_path / "study")))
    for one in copy.feature_ids():
        name_by_hand(copy, one, f"zyx{'qj'[one.startswith('raw')]}")
    return copy


@pytest.fixture
def drawn(study: Study) -> RatingPlan:
    """Two concepts of each method; a fifth of a second of each clip must be heard."""
    made = plan(study, study.feature_ids(), concepts=2, seed=1, listen_seconds=LISTEN, name="toy")
    with Notes.open(study) as notes:
        RatingBook(notes).add(made)
    return made


@pytest.fixture
def window(make_window: Make, study: Study, drawn: RatingPlan) -> MainWindow:
    return make_window(study)


def dock(window: MainWindow) -> RatingView:
    window.show_dock("rating")
    view = window.view("rating")
    assert isinstance(view, RatingView)
    return view


def begin(window: MainWindow, rater: str = "eve") -> RatingWindow:
    """Open the rating window and wait for its first item."""
    view = dock(window)
    until(lambda: view.table.rowCount() == 1)
    view.rater.setText(rater)
    view.table.setFocus()
    view.rate()
    assert view.window_ is not None
    shown = view.window_
    until(lambda: shown.run.stage in ("listen", "rate", "over"))
    until(lambda: all(shown.run.media(clip) for clip in range(shown.run.clips)))
    return shown


def press(shown: RatingWindow, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key wherever the keyboard is."""
    QTest.keyClick(shown.focusWidget() or shown, key, modifier)


def hear_all(shown: RatingWindow) -> None:
    """Play every clip by its digit, as far as it must be heard."""
    for clip in range(shown.run.clips):
        press(shown, KEY(KEY.Key_1 + clip))
        until(lambda clip=clip: shown.run.heard.is_heard(clip))


def type_label(shown: RatingWindow, label: str) -> None:
    press(shown, KEY.Key_Return)
    assert shown.focusWidget() is shown.label.label
    QTest.keyClicks(shown.label.label, label)
    press(shown, KEY.Key_Return)
    until(lambda: shown.run.stage == "rate")


def rate(shown: RatingWindow, rating: int) -> None:
    press(shown, KEY(KEY.Key_0 + rating))
    until(lambda: shown.run.rating.rating == rating)


def go_on(shown: RatingWindow) -> None:
    done = shown.run.done
    press(shown, KEY.Key_Return)
    until(lambda: shown.run.done == done + 1)


def on_disk(study: Study, drawn: RatingPlan, rater: str = "eve") -> dict[int, ItemRating]:
    with Notes.open(study) as notes:
        return RatingBook(notes).of_rater(drawn.key, rater)


def texts() -> str:
    """Everything that can be read, pointed at or read out in the visible windows of the application."""
    found: list[str] = []
    for one in QApplication.allWidgets():
        if not one.isVisible():
            continue
        found += [one.toolTip(), one.statusTip(), one.accessibleName(), one.accessibleDescription(), one.windowTitle()]
        if isinstance(one, QLabel | QAbstractButton):
            found.append(one.text())
        if isinstance(one, QLineEdit):
            found += [one.text(), one.placeholderText()]
        if isinstance(one, QComboBox):
            found.append(one.currentText())
        if isinstance(one, QAbstractItemView):
            found += cells(one)
        if isinstance(one, ClipCanvas):
            middle = one.plot.center()
            found += [one.scene.message, one.told_at(middle.x(), middle.y())]
    return "\n".join(found)


def cells(view: QAbstractItemView) -> list[str]:
    """Texts and tool tips of a table's or a list's first rows."""
    model, roles = view.model(), (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole)
    places = [model.index(r, c) for r in range(min(200, model.rowCount())) for c in range(model.columnCount())]
    return [str(place.data(role) or "") for place in places for role in roles]


def shown_windows() -> list[QWidget]:
    return [one for one in QApplication.topLevelWidgets() if one.isVisible()]


def test_nothing_visible_tells_name_feature_method_or_clip_before_the_label(
    window: MainWindow, drawn: RatingPlan
) -> None:
    assert drawn.methods[0].id in texts()
    assert "zyx" in texts()
    shown = begin(window)
    assert shown_windows() == [shown]
    item = drawn.items[0]
    secrets = [one.name for one in drawn.items] + [one.id for one in drawn.methods] + ["zyx", "feature", "raw-"]
    secrets += [Path(clip.record).name for one in drawn.items for clip in one.clips]
    assert [one for one in secrets if one in texts()] == []
    assert shown.run.name == ""
    hear_all(shown)
    assert [one for one in secrets if one in texts()] == []
    type_label(shown, "a hum")
    assert item.name in texts()
    still = [item.method, *(Path(clip.record).name for clip in item.clips), *(one.name for one in drawn.items[1:])]
    assert [one for one in still if one in texts().replace(item.name, "")] == []
    rate(shown, 3)
    go_on(shown)
    assert [one for one in secrets if one in texts()] == []


def test_label_is_taken_only_when_every_clip_was_heard(window: MainWindow, study: Study, drawn: RatingPlan) -> None:
    shown = begin(window)
    press(shown, KEY.Key_Return)
    QTest.keyClicks(shown.label.label, "a hum")
    assert not shown.label.go_on.isEnabled()
    press(shown, KEY.Key_Return)
    assert shown.focusWidget() is shown.cards[0]
    for clip in range(shown.run.clips):
        assert not shown.label.go_on.isEnabled()
        assert f"{clip} of {shown.run.clips} clips heard" in shown.label.told.text()
        press(shown, KEY(KEY.Key_1 + clip), Qt.KeyboardModifier.ControlModifier)
        until(lambda clip=clip: shown.run.heard.is_heard(clip))
    assert shown.label.go_on.isEnabled()
    assert on_disk(study, drawn)[1].label is None
    QTest.mouseClick(shown.label.go_on, Qt.MouseButton.LeftButton)
    until(lambda: shown.run.stage == "rate")
    assert on_disk(study, drawn)[1].label == "a hum"


def test_going_to_the_end_of_a_clip_is_not_hearing_it(window: MainWindow) -> None:
    shown = begin(window)
    run = shown.run
    media = run.media(0)
    assert media is not None
    ended: list[str] = []
    window.session.player.finished.connect(ended.append)
    canvas = shown.cards[0].canvas
    end = canvas.plot.center()
    end.setX(round(canvas.scene.x_of(media.seconds - 0.02, canvas.plot)))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=end)
    until(lambda: bool(ended))
    assert run.heard.plays[0] == 1
    assert not run.heard.is_heard(0)


def test_clip_shorter_than_the_seconds_wanted_is_heard_at_its_end(make_window: Make, study: Study) -> None:
    made = plan(study, study.feature_ids(), concepts=1, listen_seconds=60.0)
    with Notes.open(study) as notes:
        RatingBook(notes).add(made)
    window = make_window(study)
    shown = begin(window)
    ended: list[str] = []
    window.session.player.finished.connect(ended.append)
    press(shown, KEY.Key_1)
    until(lambda: bool(ended))
    assert shown.run.heard.is_heard(0)
    assert "heard" in shown.cards[0].state.text()


def test_whole_study_by_keys_alone_is_on_the_disk_and_ends_with_an_export(
    window: MainWindow, study: Study, drawn: RatingPlan, tmp_path: Path
) -> None:
    shown = begin(window)
    for number in range(len(drawn.items)):
        assert shown.progress.text() == f"{number + 1} of 4"
        hear_all(shown)
        type_label(shown, f"label {number}")
        assert shown.focusWidget() is shown.rating.name
        rate(shown, number)
        if number == 1:
            shown.rating.comment.setFocus()
            QTest.keyClicks(shown.rating.comment, "5 of 5, nearly")
        if number + 1 < len(drawn.items):
            go_on(shown)
    press(shown, KEY.Key_Return)
    until(lambda: shown.run.stage == "over")
    assert "All 4 concepts are rated" in texts()
    found = on_disk(study, drawn)
    assert [(one.label, one.rating, one.closed) for one in found.values()] == [
        (f"label {n}", n, True) for n in range(4)
    ]  # fmt: skip
    assert found[2].comment == "5 of 5, nearly"
    assert all(min(one.plays) >= 1 and min(one.heard) > 0 and one.label_seconds > 0 for one in found.values())
    assert all(one.silent for one in found.values())
    view = dock(window)
    view.write(drawn, tmp_path / "out")
    until((tmp_path / "out.csv").exists)
    with open(tmp_path / "out.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["method"], row["rating"]) for row in rows] == [
        (item.method, str(n)) for n, item in enumerate(drawn.items)
    ]  # fmt: skip
    press(shown, KEY.Key_Escape)
    assert view.window_ is None
    until(lambda: view.table.item(0, 2).text() == "4")


def test_rating_can_be_changed_and_taken_back_until_the_next_item_is_opened(
    window: MainWindow, study: Study, drawn: RatingPlan
) -> None:
    shown = begin(window)
    hear_all(shown)
    type_label(shown, "a hum")
    press(shown, KEY.Key_Return)
    assert shown.run.stage == "rate"
    rate(shown, 2)
    rate(shown, 0)
    assert shown.rating.choices.checkedId() == 0
    press(shown, KEY.Key_Z, Qt.KeyboardModifier.ControlModifier)
    until(lambda: shown.run.rating.rating == 2)
    press(shown, KEY.Key_Z, Qt.KeyboardModifier.ControlModifier)
    until(lambda: shown.run.rating.rating is None)
    assert shown.rating.choices.checkedId() == -1
    assert not shown.rating.go_on.isEnabled()
    press(shown, KEY.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    until(lambda: shown.run.rating.rating == 2)
    go_on(shown)
    assert shown.run.undo.undo_label == ""
    press(shown, KEY.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert on_disk(study, drawn)[1].rating == 2
    assert window.session.undo.undo_label == ""


def test_enter_right_after_the_digit_goes_on_with_that_rating(
    window: MainWindow, study: Study, drawn: RatingPlan
) -> None:
    shown = begin(window)
    hear_all(shown)
    type_label(shown, "a hum")
    for key in (KEY.Key_1, KEY.Key_4, KEY.Key_Return, KEY.Key_Return, KEY.Key_Return):
        press(shown, key)
    until(lambda: shown.run.order == 2)
    assert shown.run.stage == "listen"
    found = on_disk(study, drawn)
    assert (list(found), found[1].rating, found[1].closed) == ([1], 4, True)


def test_what_was_heard_is_kept_at_once_though_nobody_pauses(
    window: MainWindow, study: Study, drawn: RatingPlan
) -> None:
    shown = begin(window)
    press(shown, KEY.Key_2)
    until(lambda: shown.run.heard.is_heard(1))
    until(lambda: bool(on_disk(study, drawn)))
    assert on_disk(study, drawn)[1].plays == (0, 1, 0, 0)


def test_rater_goes_on_after_a_restart_where_they_left(make_window: Make, study: Study, drawn: RatingPlan) -> None:
    window = make_window(study)
    shown = begin(window)
    press(shown, KEY.Key_1)
    until(lambda: shown.run.heard.is_heard(0))
    press(shown, KEY.Key_Escape)
    assert window.isVisible()
    window.close()

    window = make_window(study)
    shown = begin(window)
    assert (shown.run.order, shown.run.stage) == (1, "listen")
    assert shown.run.heard.is_heard(0)
    assert shown.run.heard.missing == [1, 2, 3]
    hear_all(shown)
    type_label(shown, "a hum")
    shown.rating.comment.setText("half a thought")
    shown.close()
    window.close()

    window = make_window(study)
    shown = begin(window)
    assert (shown.run.order, shown.run.stage) == (1, "rate")
    assert drawn.items[0].name in texts()
    assert shown.rating.own.text() == "Your label: a hum"
    assert shown.rating.comment.text() == "half a thought"
    rate(shown, 4)
    go_on(shown)
    shown.close()
    assert on_disk(study, drawn)[1].closed
    shown = begin(window, "ada")
    assert (shown.run.order, shown.run.stage) == (1, "listen")
    assert not any(shown.run.heard.plays)


def test_other_windows_come_back_as_they_were_and_so_does_the_player(window: MainWindow) -> None:
    player = window.session.player
    player.set_loop(True)
    player.set_speed(0.5)
    window.docks["lists"].show()
    view = dock(window)
    before = [one.isHidden() for one in window.docks.values()]
    shown = begin(window)
    assert shown_windows() == [shown]
    assert (player.loop, player.speed, player.match_loudness) == (False, 1.0, True)
    meanwhile = window.saveState()
    shown.close()
    assert window.isVisible()
    assert [one.isHidden() for one in window.docks.values()] == before
    window.docks["lists"].hide()
    assert window.restoreState(meanwhile)
    assert [one.isHidden() for one in window.docks.values()] == before
    assert (player.loop, player.speed) == (True, 0.5)
    assert view.window_ is None
    window.docks["lists"].setFloating(True)
    shown = begin(window)
    assert shown_windows() == [shown]
    shown.close()
    assert window.docks["lists"].isVisible()
    window.docks["lists"].setFloating(False)


def test_part_of_a_clip_that_was_marked_before_does_not_shorten_it(window: MainWindow) -> None:
    shown = begin(window)
    media = shown.run.media(0)
    assert media is not None
    shown.close()
    player = window.session.player
    player.play(Sound(media.key, media.wave, media.rate))
    player.set_region((0.0, 0.02))
    shown = begin(window)
    press(shown, KEY.Key_1)
    until(lambda: shown.run.heard.is_heard(0))
    assert player.region is None


def test_closing_the_study_or_the_window_ends_the_rating_and_keeps_it(
    make_window: Make, study: Study, drawn: RatingPlan
) -> None:
    window = make_window(study)
    shown = begin(window)
    press(shown, KEY.Key_2)
    until(lambda: shown.run.heard.is_heard(1))
    window.session.close_study()
    assert not shown.isVisible()
    window.open_study(study.root)
    until(lambda: window.session.notes.available)
    assert on_disk(study, drawn)[1].plays == (0, 1, 0, 0)
    again = begin(window)
    window.close()
    assert shown_windows() == []
    assert not again.isVisible()


def test_clip_that_cannot_be_read_is_left_out_and_its_file_is_not_named(
    make_window: Make, study: Study, drawn: RatingPlan, tmp_path: Path
) -> None:
    record = drawn.items[0].clips[2].record
    table = ClipTable(study.clips())
    table.close()
    (root,) = table.roots
    moved = Path(shutil.copytree(root, tmp_path / "moved"))
    (moved / record).unlink()
    window = make_window(study)
    window.session.preferences.set("roots", {root: str(moved)})
    view = dock(window)
    until(lambda: view.table.rowCount() == 1)
    view.rate()
    shown = view.window_
    assert shown is not None
    until(lambda: shown.run.heard.unplayable == {2})
    assert "cannot be played" in texts()
    assert Path(record).name not in texts()
    for clip in (0, 1, 3):
        press(shown, KEY(KEY.Key_1 + clip))
        until(lambda clip=clip: shown.run.heard.is_heard(clip))
    assert shown.run.heard.complete
    type_label(shown, "a hum")


def test_form_draws_a_study_that_undo_takes_away_and_explains_what_it_cannot_draw(
    make_window: Make, study: Study
) -> None:
    window = make_window(study)
    view = dock(window)
    assert "No rating study yet" in view.note.text()
    view.make()
    form = view.form
    assert form is not None
    until(lambda: form.methods.count() == 2)
    form.concepts.setValue(5000)
    QTest.keyClick(form, KEY.Key_Return)
    until(lambda: "5000 are wanted" in form.told.text())
    form.concepts.setValue(3)
    assert "6 concepts" in form.told.text()
    form.name.setText("mine")
    QTest.keyClick(form, KEY.Key_Return)
    until(lambda: view.table.rowCount() == 1)
    assert view.table.item(0, 0).text() == "mine"
    assert window.session.undo.undo_label == "new rating study 'mine'"
    window.session.undo.undo()
    until(lambda: view.table.rowCount() == 0)
    window.session.undo.redo()
    until(lambda: view.table.rowCount() == 1)
    view.delete.click()
    until(lambda: view.table.rowCount() == 0)


def test_study_that_shows_traces_draws_them(make_window: Make, study: Study) -> None:
    made = plan(study, study.feature_ids(), concepts=1, trace=True)
    with Notes.open(study) as notes:
        RatingBook(notes).add(made)
    shown = begin(make_window(study))
    assert all(len(card.canvas.scene.traces) == 1 for card in shown.cards)


def test_study_without_traces_draws_none(window: MainWindow) -> None:
    shown = begin(window)
    assert all(card.canvas.scene.traces == () for card in shown.cards)
