"""The view of saved steering results: real notes, a real study, real sound through a silent output."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from gui.fitting import clipped
from gui.waiting import until
from gui.watchdog import Faults
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.actions import Actions
from ard_gui.services.playback.outputs import silent_output
from ard_gui.services.playback.player import Player
from ard_gui.services.saved_sound import find_clip
from ard_gui.session import Session
from ard_gui.theme import apply_theme
from ard_gui.views.steering.saved import EMPTY, NONE_FITS, SavedResults
from ard_gui.views.steering.saved_answers import AnswerText, figures, told
from ard_gui.views.steering.saved_table import day
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.notes.keys import sae_key
from backend.store.notes.notes import Notes
from backend.store.notes.steering import Condition, SteeredClip, SteeringResult
from backend.study.folder import Study
from builders.steering_results import toy_result


def result_on(study: Study, row: int = 0, **changes: object) -> SteeringResult:
    """A result on a clip of the study, under its SAE."""
    with closing(ClipTable(study.clips())) as table:
        clip = table[row]
    steered_on = SteeredClip(clip_key(clip), clip.record, clip.path, clip.member, clip.start, None, clip.duration)
    (sae,) = study.sae_ids()
    return toy_result(sae=sae_key(study, sae), ranking=sae, clip=steered_on, **changes)


@pytest.fixture
def session(application: QApplication, tiny_study: Study) -> Iterator[Session]:
    found = Session(player=Player(lambda _label, engine: silent_output("tests are silent", engine)))
    found.open_study(tiny_study.root)
    until(lambda: found.ranking is not None and found.notes.available)
    yield found
    found.close()
    assert found.ended(10)


@pytest.fixture
def view(session: Session) -> Iterator[SavedResults]:
    home = QWidget()
    made = SavedResults(session, Actions(home))
    made.resize(640, 700)
    made.show()
    yield made
    made.deleteLater()
    home.deleteLater()


def save(session: Session, result: SteeringResult, title: str = "", note: str = "") -> str:
    made: list[str] = []
    session.notes.write(lambda notes, _: notes.add_result(result, title, note), lambda one: made.append(one.result))
    until(lambda: bool(made) and any(one.id == made[0] for one in session.notes.now.results))
    return made[0]


def titles(view: SavedResults) -> list[str]:
    return [view.table.item(row, 0).text() for row in range(view.table.rowCount())]


def marked(text: AnswerText) -> list[str]:
    """Runs of characters of an answer that are bold or underlined."""
    found, run, cursor = [], "", QTextCursor(text.document())
    for place, sign in enumerate(text.toPlainText()):
        cursor.setPosition(place + 1)
        form = cursor.charFormat()
        on = form.fontWeight() == QFont.Weight.Bold or form.underlineStyle() != form.UnderlineStyle.NoUnderline
        if run and not on:
            found.append(run)
        run = run + sign if on else ""
    return [*found, run] if run else found


def shown(view: SavedResults, result: SteeringResult) -> SavedResults:
    until(lambda: view.result == result)
    return view


def test_saved_result_appears_with_its_answers_and_the_words_that_differ(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    assert view.empty.text() == EMPTY
    result = result_on(tiny_study)
    save(session, result, "cats")
    shown(view, result)
    assert titles(view) == ["cats"]
    columns = view.answers.columns
    assert {name: marked(one.text) for name, one in columns.items()} == {
        "original": ["dog barks"], "reconstructed": [], "steered": ["cat purrs"],
    }  # fmt: skip
    assert columns["steered"].text.toPlainText() == "a cat purrs."
    assert "KL 1.5 at the first token" in columns["steered"].figures.text()
    assert "12 (cat) = 3.5, 99 = 0" in view.told.text()
    assert not view.empty.isVisible()


def test_condition_that_was_not_run_has_no_column(view: SavedResults, session: Session, tiny_study: Study) -> None:
    result = result_on(tiny_study, conditions={"steered": Condition("a cat purrs.")})
    save(session, result)
    shown(view, result)
    assert [name for name, one in view.answers.columns.items() if one.isVisible()] == ["steered"]
    assert marked(view.answers.columns["steered"].text) == []


def test_marks_fall_on_the_right_words_behind_signs_of_two_units(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    conditions = {"original": Condition("🐈🐈 a dog"), "steered": Condition("🐈🐈 a cat")}
    result = result_on(tiny_study, conditions=conditions)
    save(session, result)
    shown(view, result)
    cursor = QTextCursor(view.answers.columns["steered"].text.document())
    cursor.movePosition(QTextCursor.MoveOperation.End)
    assert cursor.charFormat().fontWeight() == QFont.Weight.Bold
    cursor.setPosition(cursor.position() - 3)
    assert cursor.charFormat().fontWeight() != QFont.Weight.Bold


def test_play_plays_the_clip_and_lights_the_answers_together(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    result = result_on(tiny_study, 3)
    save(session, result)
    shown(view, result)
    view.table.setFocus()
    QTest.keyClick(view.table, Qt.Key.Key_Space)
    until(lambda: view.sound.playing)
    assert session.player.sound is not None
    assert session.player.sound.seconds == pytest.approx(result.clip.duration, abs=0.05)
    assert view.play.text() == "&Pause"
    assert all(one.lit for one in view.answers.columns.values())
    view.play.click()
    until(lambda: not view.sound.playing)
    assert not any(one.lit for one in view.answers.columns.values())
    view.play.click()
    until(lambda: view.sound.playing)


def test_sound_from_outside_the_study_plays_the_part_that_was_heard(
    view: SavedResults, session: Session, tiny_study: Study, tmp_path: Path
) -> None:
    path = tmp_path / "own.wav"
    soundfile.write(path, np.zeros(16000, np.float32) + 0.1, 8000)
    clip = SteeredClip("0" * 16, "", str(path), "", 0.5, 1.25, 0.75)
    result = replace(result_on(tiny_study), clip=clip)
    save(session, result)
    shown(view, result).toggle_sound()
    until(lambda: view.sound.playing)
    assert session.player.sound is not None
    assert session.player.sound.seconds == pytest.approx(0.75, abs=0.01)


def test_sound_that_is_gone_or_another_is_said_so(view: SavedResults, session: Session, tiny_study: Study) -> None:
    result = result_on(tiny_study)
    gone = replace(result, clip=replace(result.clip, record="", path="/nowhere/x.wav"))
    save(session, gone)
    shown(view, gone).toggle_sound()
    until(lambda: any("/nowhere/x.wav" in one.text for one in session.notices.all))
    assert view.play.text() == "&Play"
    with pytest.raises(ArdError, match=r"no clip 'nothing\.wav' in this study"):
        find_clip(tiny_study, replace(result.clip, record="nothing.wav"))
    with pytest.raises(ArdError, match="another sound now"):
        find_clip(tiny_study, replace(result.clip, key="0" * 16))


def test_note_is_saved_when_the_keyboard_leaves_it_and_undone(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    result = result_on(tiny_study)
    made = save(session, result)
    shown(view, result)
    view.activateWindow()
    view.note.setFocus()
    QTest.keyClicks(view.note, "so it purrs")
    view.refresh()
    assert view.note.toPlainText() == "so it purrs", "what is being typed is not overwritten"
    view.note.left.emit()
    until(lambda: session.notes.now.results[0].note == "so it purrs")
    session.undo.undo()
    until(lambda: view.note.toPlainText() == "")
    session.undo.redo()
    until(lambda: session.notes.now.results[0].note == "so it purrs")
    assert session.notes.now.results[0].id == made


def test_note_goes_to_the_result_it_was_typed_for(view: SavedResults, session: Session, tiny_study: Study) -> None:
    first, second = result_on(tiny_study, seed=1), result_on(tiny_study, seed=2)
    one = save(session, first)
    save(session, second)
    view.show_saved(one)
    shown(view, first)
    view.note.insertPlainText("mine")
    view.table.setCurrentCell(0, 0)
    until(lambda: {each.id: each.note for each in session.notes.now.results}[one] == "mine")
    shown(view, second)
    assert view.note.toPlainText() == ""


def test_title_is_edited_in_the_list(view: SavedResults, session: Session, tiny_study: Study) -> None:
    save(session, result_on(tiny_study), "cats")
    until(lambda: titles(view) == ["cats"])
    view.table.item(0, 0).setText("lions")
    until(lambda: session.notes.now.results[0].title == "lions")
    session.undo.undo()
    until(lambda: titles(view) == ["cats"])


def test_marked_results_are_deleted_together_and_come_back_by_undo(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    for seed in range(3):
        save(session, result_on(tiny_study, seed=seed), f"r{seed}")
    until(lambda: titles(view) == ["r2", "r1", "r0"])
    view.table.selectRow(0)
    view.table.item(1, 0).setSelected(True)
    view.table.setFocus()
    QTest.keyClick(view.table, Qt.Key.Key_Delete)
    until(lambda: titles(view) == ["r0"])
    session.undo.undo()
    until(lambda: titles(view) == ["r2", "r1", "r0"])


def test_filter_looks_into_answers_notes_and_features(view: SavedResults, session: Session, tiny_study: Study) -> None:
    save(session, result_on(tiny_study), "one", "écoute")
    save(session, result_on(tiny_study, conditions={"steered": Condition("silence")}, features=()), "two")
    save(session, toy_result(sae="f" * 64), "three")
    for text, found in (
        ("PURRS", ["three", "one"]), ("Écoute", ["one"]), ("silence two", ["two"]), ("99 cat", ["three", "one"]),
        ("", ["three", "two", "one"]),
    ):  # fmt: skip
        view.filter.setText(text)
        assert titles(view) == found
    view.only_this.setChecked(True)
    assert titles(view) == ["two", "one"]
    view.filter.setText("nowhere")
    assert (titles(view), view.empty.text()) == ([], NONE_FITS)
    assert (view.result, view.play.isEnabled(), view.note.isEnabled()) == (None, False, False)
    view.show_saved(session.notes.now.results[0].id)
    assert titles(view) == ["three", "two", "one"]


def test_result_is_opened_in_the_panel_by_return(view: SavedResults, session: Session, tiny_study: Study) -> None:
    result = result_on(tiny_study)
    save(session, result)
    shown(view, result)
    got: list[SteeringResult] = []
    view.open_wanted.connect(got.append)
    view.table.cellActivated.emit(0, 1)
    view.open.click()
    assert got == [result, result]


def test_copied_command_names_the_study_and_the_sae(view: SavedResults, session: Session, tiny_study: Study) -> None:
    result = replace(result_on(tiny_study), ranking="old name")
    save(session, result)
    shown(view, result)
    clipboard = QApplication.clipboard()
    clipboard.clear()
    view.copy.click()
    until(lambda: bool(clipboard.text()))
    words = shlex.split(clipboard.text())
    assert words[:5] == ["ard", "steer", str(tiny_study.root), "--sae", tiny_study.sae_ids()[0]]
    assert "12=3.5" in words


def test_export_writes_what_is_marked_or_all(
    view: SavedResults, session: Session, tiny_study: Study, tmp_path: Path
) -> None:
    for title in ("one", "two"):
        save(session, result_on(tiny_study, prompt=title), title)
    view.table.selectRow(1)
    for results, name in ((view.table.marked(), "a.json"), (view.table.results, "b.json")):
        view.write(results, tmp_path / name)
        until((tmp_path / name).exists)
    found = [json.loads((tmp_path / name).read_text())["results"] for name in ("a.json", "b.json")]
    assert [[one["title"] for one in each] for each in found] == [["one"], ["two", "one"]]
    view.ask_for_file(view.table.results)
    assert view.dialog is not None
    view.dialog.selectNameFilter("Markdown (*.md)")
    view.dialog.filterSelected.emit("Markdown (*.md)")
    assert Path(view.dialog.selectedFiles()[0]).name == "steering.md"
    view.dialog.reject()


def test_unreadable_result_says_why_and_can_be_noted_on(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    key, stamp = "00000000-0000-4000-8000-000000000000", ("eve", "2026-01-01T00:00:00.000000Z", "u1")
    rows = [("f" * 64, key, "document", '{"v":2}', *stamp), ("f" * 64, key, "deleted", "false", *stamp)]
    with Notes.open(tiny_study, author="eve") as other:
        other.merge({"steering_results": rows})
    until(lambda: titles(view) == ["result 00000000"], 10)
    assert "later version of ARD" in view.told.text()
    assert not view.play.isEnabled()
    view.note.insertPlainText("what is it?")
    view.save_note()
    until(lambda: session.notes.now.results[0].note == "what is it?")


def test_note_being_typed_is_kept_when_the_study_is_closed(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    result = result_on(tiny_study)
    save(session, result)
    shown(view, result)
    view.note.insertPlainText("last word")
    session.close_study()
    until(lambda: titles(view) == [])
    done: list[object] = []
    session.notes.perform(lambda _: None, failed=done.append)
    until(lambda: bool(done))
    with Notes.open(tiny_study) as notes:
        assert [one.note for one in notes.saved_results()] == ["last word"]


def test_pointing_at_a_token_tells_what_else_might_have_been_said(
    view: SavedResults, session: Session, tiny_study: Study
) -> None:
    result = result_on(tiny_study)
    conditions = {**result.conditions, "steered": replace(result.conditions["steered"], text="a cat")}
    save(session, replace(result, conditions=conditions))
    until(lambda: view.result is not None)
    text = view.answers.columns["steered"].text
    tokens = result.conditions["steered"].tokens
    assert [text.token_at(place) for place in (0, 1, 4, 5)] == [tokens[0], tokens[1], tokens[1], None]
    assert "'the'  0.250" in told(tokens[0]).replace("&#x27;", "'")
    assert view.answers.columns["original"].text.token_at(0) is None


def test_figures_are_left_out_where_nothing_was_measured() -> None:
    assert figures(Condition("x")) == ""
    assert figures(Condition("x", coherent=False, ended=False, survived=(None, 0.25))) == (
        "overrides survived at 25%; not coherent; cut off at the largest number of tokens"
    )
    assert day("no time") == ""


@pytest.mark.parametrize(("theme", "points"), [("light", 9.0), ("dark", 14.0), ("high contrast", 20.0)])
def test_nothing_is_clipped_and_marks_follow_the_theme(
    view: SavedResults, session: Session, tiny_study: Study, application: QApplication, faults: Faults, theme: str,
    points: float,
) -> None:  # fmt: skip
    result = result_on(tiny_study)
    save(session, result, "cats")
    shown(view, result)
    try:
        apply_theme(application, theme, points)
        view.resize(view.minimumSizeHint().expandedTo(view.size()))
        until(lambda: clipped(view) == [])
        assert marked(view.answers.columns["steered"].text) == ["cat purrs"]
    finally:
        apply_theme(application, "light")
